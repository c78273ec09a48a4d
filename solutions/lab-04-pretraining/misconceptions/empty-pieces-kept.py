"""regex.split's empty strings between neighbours are kept."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Between two special tokens in a row, and at the ends, your split_special has empty pieces.",
    "zh": "相邻的两个特殊 token 之间、以及文本两端，你的 split_special 留下了空段。",
}
FAILS = ["test_special_tokens_are_cut_out_of_the_text"]


def split_special(text, special_tokens):
    if not special_tokens:
        return [text]
    pattern = "|".join(regex.escape(token) for token in sorted(special_tokens, key=len, reverse=True))
    return regex.split(f"({pattern})", text)
