"""Only trainable parameters count."""

NOTEBOOK = "explore"
HINT = {
    "en": "You leave out frozen parameters. They take memory and compute like any other.",
    "zh": "你漏掉了冻结的参数。它们照样占内存、参与计算。",
}
FAILS = ["test_every_parameter_is_counted_once"]


def own_parameters(model):
    counted, own = set(), {}
    for path, module in model.named_modules():
        new = [p for p in module.parameters(recurse=False) if p.requires_grad and id(p) not in counted]
        counted.update(map(id, new))
        own[path] = sum(p.numel() for p in new)
    return own
