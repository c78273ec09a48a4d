"""encode does not look for special tokens."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You encode special tokens like ordinary text, in many ids.",
    "zh": "你把特殊 token 当普通文本编码了，拆成了好多个 id。",
}
FAILS = ["test_special_tokens_become_one_id_each"]


class Tokenizer(Tokenizer):
    def encode(self, text):
        return [i for word in pretokenize(text) for i in self._encode_word(word)]
