"""The hooks are never removed."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your hooks are still on the model after explore: every later run records again.",
    "zh": "explore 之后你的钩子还挂在模型上：以后每次运行都会再记录一遍。",
}
FAILS = [
    "test_the_model_is_left_as_it_was",
]
EDIT = (
    "explore",
    "hooks = [module.register_forward_hook(record) for module in paths]\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for hook in hooks:\n"
    "            hook.remove()\n"
    "        for module, mode in modes.items():\n"
    "            module.training = mode",
    "for module in paths:\n"
    "        module.register_forward_hook(record)\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for module, mode in modes.items():\n"
    "            module.training = mode",
)
