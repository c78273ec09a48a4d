"""The bits of tokens without bytes count."""

NOTEBOOK = "continued"
HINT = {
    "en": "You count the bits of tokens that stand for no byte: many short documents would make a text look harder.",
    "zh": "你把不代表任何字节的 token 的比特也算进去了：短文档一多，文本就显得更难。",
}
FAILS = ["test_bits_per_byte_of_rows"]
EDIT = ("bits_per_byte", "nats += losses[sizes[targets] > 0].sum().item()", "nats += losses.sum().item()")
