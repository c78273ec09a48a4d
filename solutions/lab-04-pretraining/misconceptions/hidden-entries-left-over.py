"""Ranks that do not divide d_ff leave hidden entries out, without an error."""

NOTEBOOK = "parallel"
HINT = {
    "en": "12 hidden entries and 5 ranks: your layer computes 10 of them, and says nothing.",
    "zh": "12 个隐藏分量、5 个 rank：你的层只算了其中 10 个，却一声不吭。",
}
FAILS = ["test_parallel_mlp_is_the_dense_layer"]


class ParallelMLP(ParallelMLP):
    def __init__(self, up, down, group):
        width = up.out_features // group.size
        kept_up = nn.Linear(up.in_features, width * group.size, dtype=up.weight.dtype)
        kept_down = nn.Linear(width * group.size, down.out_features, dtype=up.weight.dtype)
        kept_up.weight.data, kept_up.bias.data = (
            up.weight.data[: width * group.size],
            up.bias.data[: width * group.size],
        )
        kept_down.weight.data, kept_down.bias.data = down.weight.data[:, : width * group.size], down.bias.data
        super().__init__(kept_up, kept_down, group)
