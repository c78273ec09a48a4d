"""Only `weight` is looked at."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count weights only. What else hangs on a linear layer or a norm?",
    "zh": "你只数了 weight。线性层、归一化层上还挂着什么参数？",
}
FAILS = ["test_every_parameter_is_counted_once"]


def own_parameters(model):
    counted, own = set(), {}
    for path, module in model.named_modules():
        weight = getattr(module, "weight", None)
        new = isinstance(weight, nn.Parameter) and id(weight) not in counted
        counted.add(id(weight))
        own[path] = weight.numel() if new else 0
    return own
