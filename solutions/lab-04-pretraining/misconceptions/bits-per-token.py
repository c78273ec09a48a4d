"""The bits are divided by the number of tokens."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You divide by the number of tokens: a tokenizer with longer tokens would look worse on the same text.",
    "zh": "你除以的是 token 数：分词器的 token 越长，看上去就越差，可文本是同一段。",
}
FAILS = ["test_bits_per_byte_of_a_text"]
EDIT = ("bits_per_byte", "return nats / math.log(2) / n_bytes", "return nats / math.log(2) / ids[:, 1:].numel()")
