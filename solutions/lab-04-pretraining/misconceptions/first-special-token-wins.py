"""Special tokens are tried in the order given, not the longest first."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Where two special tokens begin at the same place, you take the one that is listed first, not the longer one.",
    "zh": "两个特殊 token 在同一位置开始时，你取的是列表里靠前的，而不是较长的。",
}
FAILS = ["test_special_tokens_are_cut_out_of_the_text"]


def split_special(text, special_tokens):
    if not special_tokens:
        return [text] if text else []
    pattern = "|".join(regex.escape(token) for token in special_tokens)
    return [piece for piece in regex.split(f"({pattern})", text) if piece]
