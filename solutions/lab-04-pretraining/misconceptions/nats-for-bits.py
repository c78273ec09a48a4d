"""The result is in nats."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your result is in nats. How many bits is one nat?",
    "zh": "你的结果单位是 nat。一个 nat 是多少比特？",
}
FAILS = ["test_bits_per_byte_of_a_text"]
EDIT = ("bits_per_byte", "return nats / math.log(2) / n_bytes", "return nats / n_bytes")
