"""The FLOPs of a layer are those of one vector, however many go through."""

NOTEBOOK = "explore"
HINT = {
    "en": "You give the FLOPs of one vector. How many vectors are in an output (B, T, out)?",
    "zh": "你只算了一个向量的 FLOPs。形状为 (B, T, out) 的输出里有多少个向量？",
}
FAILS = ["test_flops_of_layers_and_models"]


def layer_flops(module, output):
    return 2 * module.weight.numel() if isinstance(module, (nn.Linear, Conv1D)) else 0
