"""The bits are divided by the number of tokens."""

NOTEBOOK = "continued"
HINT = {
    "en": "You divide by the number of tokens. A Chinese token has a byte or two here, an English one about four: losses per token cannot be compared.",
    "zh": "你除以的是 token 数。这里一个中文 token 只有一两个字节，英文 token 约有四个：每 token 的损失没法互相比较。",
}
FAILS = ["test_bits_per_byte_of_rows"]
EDIT = ("bits_per_byte", "n_bytes += sizes[targets].sum().item()", "n_bytes += (sizes[targets] > 0).sum().item()")
