"""The model stays in eval mode."""

NOTEBOOK = "explore"
HINT = {
    "en": "You switch the model to eval mode, and leave it there.",
    "zh": "你把模型切到了 eval 模式，之后没有切回来。",
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
    "hooks = [module.register_forward_hook(record) for module in paths]\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for hook in hooks:\n"
    "            hook.remove()",
)
