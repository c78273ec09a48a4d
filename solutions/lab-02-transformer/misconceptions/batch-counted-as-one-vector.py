"""The number of vectors is taken to be the first axis of the output."""

NOTEBOOK = "explore"
HINT = {
    "en": "You take the first axis for the number of vectors. Every axis but the last counts, and there may be none.",
    "zh": "你把第一维当成了向量的个数。除最后一维外的各维都要乘进去，也可能一维都没有。",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    return 2 * module.weight.numel() * output.shape[0] if isinstance(module, (nn.Linear, Conv1D)) else 0
