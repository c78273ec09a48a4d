"""Bytes that are no UTF-8 are left out."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You leave out the bytes that are not UTF-8. They should show as U+FFFD.",
    "zh": "不合 UTF-8 的字节被你丢掉了。它们应当显示为 U+FFFD。",
}
FAILS = ["test_bytes_are_joined_before_they_are_read"]


class Tokenizer(Tokenizer):
    def decode(self, ids):
        return b"".join(self.vocab[i] for i in ids).decode("utf-8", errors="ignore")
