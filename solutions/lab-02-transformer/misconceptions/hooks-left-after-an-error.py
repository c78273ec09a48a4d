"""The hooks come off only when the forward pass went well."""

NOTEBOOK = "explore"
HINT = {
    "en": "When the forward pass raises, the line that removes your hooks is never reached.",
    "zh": "前向中途抛异常时，取下钩子的那行代码根本没执行到。",
}
FAILS = [
    "test_the_model_is_left_as_it_was",
]
EDIT = (
    "explore",
    "try:\n"
    "        with torch.no_grad():\n"
    "            model.eval()(inputs, **options)\n"
    "    finally:\n"
    "        for hook in hooks:\n"
    "            hook.remove()\n"
    "        for module, mode in modes.items():\n"
    "            module.training = mode",
    "model.eval()\n"
    "    try:\n"
    "        with torch.no_grad():\n"
    "            model(inputs, **options)\n"
    "        for hook in hooks:\n"
    "            hook.remove()\n"
    "    finally:\n"
    "        for module, mode in modes.items():\n"
    "            module.training = mode",
)
