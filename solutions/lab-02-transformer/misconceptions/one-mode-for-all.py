"""model.train(mode) gives every module the mode of the root."""

NOTEBOOK = "explore"
HINT = {
    "en": "You restore the mode of the whole model with one call. A part that was in eval mode is now in train mode.",
    "zh": "你用一次调用恢复了整个模型的模式，原来处于 eval 模式的那部分现在成了 train 模式。",
}
FAILS = [
    "test_the_model_is_left_as_it_was",
]
EDIT = (
    "explore",
    "modes = {module: module.training for module in paths}\n"
    "    hooks = [module.register_forward_hook(record) for module in paths]\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for hook in hooks:\n"
    "            hook.remove()\n"
    "        for module, mode in modes.items():\n"
    "            module.training = mode",
    "training = model.training\n"
    "    hooks = [module.register_forward_hook(record) for module in paths]\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for hook in hooks:\n"
    "            hook.remove()\n"
    "        model.train(training)",
)
