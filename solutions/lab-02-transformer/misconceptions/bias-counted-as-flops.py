"""FLOPs are twice all of the layer's parameters, the bias among them."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count the bias as a matrix product. By our convention adding it is free.",
    "zh": "你把偏置也当成矩阵乘法来数了。按我们的约定，加偏置不计。",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    if not isinstance(module, (nn.Linear, Conv1D)):
        return 0
    return 2 * sum(p.numel() for p in module.parameters()) * (output.numel() // output.shape[-1])
