"""encode looks for whatever special token the vocabulary has, asked for or not."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You treat tokens as special that are not in special_tokens: every token of the vocabulary that looks like <|...|>.",
    "zh": "不在 special_tokens 里的，你也当成特殊 token 了：词表里凡是形如 <|...|> 的都算。",
}
FAILS = ["test_special_tokens_become_one_id_each"]


class Tokenizer(Tokenizer):
    def __init__(self, vocab, merges, special_tokens):
        super().__init__(vocab, merges, special_tokens)
        seen = [token.decode() for token in vocab.values() if token.startswith(b"<|") and token.endswith(b"|>")]
        self.special_tokens = list({*seen, *special_tokens})
