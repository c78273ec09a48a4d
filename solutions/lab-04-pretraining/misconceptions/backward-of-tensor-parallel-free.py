"""Tensor parallelism counts two all-reduces per layer: those of the forward pass."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your bytes are half of what they should be. Which 2 is missing: that of the backward pass, of the ring's two halves, or of the bytes of a number?",
    "zh": "你算出的字节数只有应有的一半。少的是哪个 2：前向加反向、环的两个半程，还是每个数的 2 字节？",
}
FAILS = ["test_communication_and_time"]


def tensor_parallel_bytes(n_layers, batch, seq, d_model, n_tensor):
    return 2 * n_layers * 2 * batch * seq * d_model * 2 * (n_tensor - 1) / n_tensor
