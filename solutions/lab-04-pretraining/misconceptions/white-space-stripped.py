"""encode strips the text first."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You strip the white space at the ends of the text.",
    "zh": "你把文本首尾的空白去掉了。",
}
FAILS = ["test_ids_agree_with_tiktoken", "test_every_text_comes_back"]


class Tokenizer(Tokenizer):
    def encode(self, text):
        return super().encode(text.strip())
