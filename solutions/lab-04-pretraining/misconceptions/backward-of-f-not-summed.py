"""f lets the gradient through unsummed: each rank has only its own part of the gradient for x."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your output is right, but each rank's gradient for x comes from its own hidden entries only. x went to all ranks: what has to happen on the way back?",
    "zh": "输出是对的，但每个 rank 上 x 的梯度只来自它自己的那些隐藏分量。x 送到了所有 rank，回来的路上要做什么？",
}
FAILS = ["test_gradients_of_the_parallel_mlp"]
EDIT = ("copy_to_ranks", "return _CopyToRanks.apply(x, group)", "return x")
