"""Only documents that are the same character by character count as copies."""

NOTEBOOK = "data"
HINT = {
    "en": "Two documents that differ in case or in white space alone are copies, too.",
    "zh": "只差大小写或空白的两篇文档，也是副本。",
}
FAILS = [
    "test_exact_dedup_keeps_first_copies_in_order",
]


def exact_dedup(docs):
    return [index for index, text in enumerate(docs) if text not in docs[:index]]
