"""Each token is decoded by itself."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You decode each token by itself: a character that is spread over two tokens becomes several �.",
    "zh": "你逐个 token 解码：一个字分在两个 token 里，就变成了几个 �。",
}
FAILS = ["test_every_text_comes_back", "test_bytes_are_joined_before_they_are_read"]


class Tokenizer(Tokenizer):
    def decode(self, ids):
        return "".join(self.vocab[i].decode("utf-8", errors="replace") for i in ids)
