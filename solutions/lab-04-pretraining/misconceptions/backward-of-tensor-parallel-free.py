"""Tensor parallelism counts two all-reduces per layer: those of the forward pass."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You count two all-reduces for each layer. Which of f and g sums in the backward pass?",
    "zh": "你每层算了两次 all-reduce。反向时，f 和 g 中哪一个要求和？",
}
FAILS = ["test_communication_and_time"]


def tensor_parallel_bytes(n_layers, batch, seq, d_model, n_tensor):
    return 2 * n_layers * 2 * batch * seq * d_model * 2 * (n_tensor - 1) / n_tensor
