"""Special tokens go into the regular expression unescaped: | means "or"."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": 'In your regular expression the | of a special token means "or", so that it matches a lone <.',
    "zh": "在你的正则表达式里，特殊 token 中的 | 成了“或”，于是单独一个 < 也能匹配。",
}
FAILS = [
    "test_special_tokens_are_cut_out_of_the_text",
    "test_special_tokens_cut_the_training_text",
    "test_special_tokens_become_one_id_each",
]


def split_special(text, special_tokens):
    if not special_tokens:
        return [text] if text else []
    pattern = "|".join(sorted(special_tokens, key=len, reverse=True))
    return [piece for piece in regex.split(f"({pattern})", text) if piece]
