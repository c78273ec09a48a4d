"""The ranks take every size-th row of `up`, but a block of columns of `down`."""

NOTEBOOK = "parallel"
HINT = {
    "en": "The rows that you take of the first matrix and the columns that you take of the second are not the same hidden entries.",
    "zh": "你从第一个矩阵取的行和从第二个矩阵取的列，对应的不是同一批隐藏分量。",
}
FAILS = ["test_parallel_mlp_is_the_dense_layer", "test_gradients_of_the_parallel_mlp"]


class ParallelMLP(ParallelMLP):
    def __init__(self, up, down, group):
        super().__init__(up, down, group)
        self.up.weight.data.copy_(up.weight[group.rank :: group.size])
        self.up.bias.data.copy_(up.bias[group.rank :: group.size])
