"""g sums on the way back as well: gradients are as many times too large as there are ranks."""

NOTEBOOK = "parallel"
HINT = {
    "en": "The gradient arrives at g whole on every rank. If you sum it there once more, how many times too large is it?",
    "zh": "梯度到达 g 时，每个 rank 上都已是完整的。在那里再求一次和，会大多少倍？",
}
FAILS = ["test_gradients_of_the_parallel_mlp"]


class _SumBothWays(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group):
        ctx.group = group
        return group.all_reduce(x)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.group.all_reduce(gradient), None


def sum_over_ranks(x, group):
    return _SumBothWays.apply(x, group)
