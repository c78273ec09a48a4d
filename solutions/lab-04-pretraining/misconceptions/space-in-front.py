"""encode puts a space in front of the text."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You put a space in front of the text, which is not in the original.",
    "zh": "你在文本前面加了一个空格，原文里没有。",
}
FAILS = [
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_every_text_comes_back",
    "test_special_tokens_become_one_id_each",
    "test_the_time_of_encoding_does_not_grow_with_merges",
]


class Tokenizer(Tokenizer):
    def encode(self, text):
        return super().encode(text if not text or text[0].isspace() else " " + text)
