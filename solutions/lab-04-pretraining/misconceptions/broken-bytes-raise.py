"""Bytes that are no UTF-8 raise an error."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your decode raises an error at bytes that are not UTF-8. A model may well emit such bytes.",
    "zh": "遇到不合 UTF-8 的字节，你的 decode 会报错。而模型完全可能吐出这样的字节。",
}
FAILS = ["test_bytes_are_joined_before_they_are_read"]
EDIT = ("Tokenizer.decode", ', errors="replace"', "")
