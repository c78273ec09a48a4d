"""An embedding counts as a product with its matrix."""

NOTEBOOK = "explore"
HINT = {
    "en": "You let an embedding multiply its whole table. It only picks a row.",
    "zh": "你让嵌入拿整张表去做乘法了。它只是取出其中一行。",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    if not isinstance(module, (nn.Linear, nn.Embedding, Conv1D)):
        return 0
    return 2 * module.weight.numel() * (output.numel() // output.shape[-1])
