"""Each module counts its children's parameters as its own."""

NOTEBOOK = "explore"
HINT = {
    "en": "parameters() walks the whole subtree: you count what hangs on the children again at every ancestor.",
    "zh": "parameters() 会走遍整个子树：挂在子模块上的参数，你在每一级祖先那里又数了一遍。",
}
FAILS = ["test_every_parameter_is_counted_once"]


def own_parameters(model):
    return {path: sum(p.numel() for p in module.parameters()) for path, module in model.named_modules()}
