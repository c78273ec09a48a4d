"""encode merges over the whole text, without pre-tokens."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your encode does not cut the text into pre-tokens: merges go from one word into the next.",
    "zh": "你的 encode 没有预切分：合并从一个词跨进了下一个词。",
}
FAILS = ["test_ids_agree_with_tiktoken", "test_special_tokens_become_one_id_each"]


class Tokenizer(Tokenizer):
    def encode(self, text):
        ids = []
        for piece in split_special(text, self.special_tokens):
            special = piece in self.special_tokens
            ids += [self._ids[piece.encode()]] if special else self._encode_word(piece.encode())
        return ids
