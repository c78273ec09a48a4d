"""Each rank adds bias / size to its summand through f: the output is right, but the bias gets a share of its gradient only."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Dividing the bias among the ranks gives the right output. And what is its gradient on each rank: the whole, or a share of it?",
    "zh": "把偏置平分给各 rank，输出确实对。可它在每个 rank 上的梯度呢？是全部，还是其中一份？",
}
FAILS = ["test_gradients_of_the_parallel_mlp"]


class ParallelMLP(ParallelMLP):
    def forward(self, x):
        hidden = F.gelu(self.up(copy_to_ranks(x, self.group)))
        return sum_over_ranks(F.linear(hidden, self.down_weight, self.down_bias / self.group.size), self.group)
