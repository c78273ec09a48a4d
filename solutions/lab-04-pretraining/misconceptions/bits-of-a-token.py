"""The bits are divided by the number of tokens."""

NOTEBOOK = "continued"
HINT = {
    "en": "You divide by the number of tokens. A Chinese token is a byte or two here, an English one four: per token nothing compares.",
    "zh": "你除以的是 token 数。这里一个中文 token 只有一两个字节，英文 token 有四个：按 token 算，什么都没法比。",
}
FAILS = ["test_bits_per_byte_of_rows"]
EDIT = ("bits_per_byte", "n_bytes += sizes[targets].sum().item()", "n_bytes += (sizes[targets] > 0).sum().item()")
