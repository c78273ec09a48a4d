"""The first matrix is cut by rows, and GELU is applied to the summands before they are summed."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You sum the pieces of the hidden layer after GELU. GELU of a sum is not the sum of GELUs: by which axis do you cut the first matrix?",
    "zh": "你是在 GELU 之后才把隐藏层的各部分相加的。和的 GELU 不等于 GELU 的和：第一个矩阵你沿哪一维切的？",
}
FAILS = ["test_parallel_mlp_is_the_dense_layer", "test_gradients_of_the_parallel_mlp"]


class ParallelMLP(ParallelMLP):
    def __init__(self, up, down, group):
        super().__init__(up, down, group)
        self.whole_up, self.whole_down = up, down

    def forward(self, x):
        columns = torch.arange(x.shape[-1]) % self.group.size == self.group.rank
        summand = F.gelu(F.linear(copy_to_ranks(x, self.group) * columns, self.whole_up.weight, self.whole_up.bias))
        return self.whole_down(sum_over_ranks(summand, self.group))
