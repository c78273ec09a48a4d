"""Buffers count as parameters: everything in the state dict."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count buffers too. Does an optimizer ever touch BatchNorm's running mean?",
    "zh": "你把缓冲区也数进去了。优化器会更新 BatchNorm 的 running_mean 吗？",
}
FAILS = ["test_every_parameter_is_counted_once"]


def own_parameters(model):
    counted, own = set(), {}
    for path, module in model.named_modules():
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        own[path] = sum(tensor.numel() for tensor in tensors if id(tensor) not in counted)
        counted.update(map(id, tensors))
    return own
