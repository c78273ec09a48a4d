"""The mask keeps documents apart, but is not causal."""

NOTEBOOK = "data"
HINT = {
    "en": "Within a document your tokens see those after them: training would be copying.",
    "zh": "在一篇文档内部，你的 token 能看到它后面的 token：训练就成了抄答案。",
}
FAILS = [
    "test_packed_mask_is_causal_within_a_document",
]


def packed_mask(document):
    return document[:, :, None] == document[:, None, :]
