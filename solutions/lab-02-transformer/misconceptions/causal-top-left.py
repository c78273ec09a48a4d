"""The causal mask lines up at the top left, where queries and keys begin, not at the bottom right, where they end."""

NOTEBOOK = "attention"
HINT = {
    "en": "With more keys than queries, your first query sees one key only. Which tokens are these queries: the first of the text, or the last?",
    "zh": "键比查询多时，你的第一个查询只能看到一个键。这些查询是文本最前面的 token，还是最后面的？",
}
FAILS = ["test_the_causal_mask_lines_up_at_the_bottom_right"]
EDIT = ("causal_mask", "n_keys - n_queries", "")
