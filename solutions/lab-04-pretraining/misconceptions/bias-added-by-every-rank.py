"""Each rank adds the bias to its summand: it arrives as many times as there are ranks."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Every rank adds the last bias to its own summand, and then all is summed. How often is the bias in the result?",
    "zh": "每个 rank 都往自己的加数里加了最后的偏置，然后再求和。结果里偏置加了几次？",
}
FAILS = ["test_parallel_mlp_is_the_dense_layer"]


class ParallelMLP(ParallelMLP):
    def forward(self, x):
        hidden = F.gelu(self.up(copy_to_ranks(x, self.group)))
        return sum_over_ranks(F.linear(hidden, self.down_weight, self.down_bias), self.group)
