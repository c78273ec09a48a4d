"""decode leaves special tokens out."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your decode leaves the special tokens out, so the original text does not come back.",
    "zh": "你的 decode 把特殊 token 漏掉了：原文回不来了。",
}
FAILS = ["test_every_text_comes_back"]


class Tokenizer(Tokenizer):
    def decode(self, ids):
        return super().decode([i for i in ids if self.vocab[i].decode("utf-8", "replace") not in self.special_tokens])
