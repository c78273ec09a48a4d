"""A multiplication and the addition after it count as one."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count multiply-adds (MACs). By our convention a multiplication and an addition are two FLOPs.",
    "zh": "你数的是乘加次数（MAC）。按我们的约定，一次乘法和一次加法是两个 FLOPs。",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    if not isinstance(module, (nn.Linear, Conv1D)):
        return 0
    return module.weight.numel() * (output.numel() // output.shape[-1])
