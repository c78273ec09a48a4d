"""Of equal documents the last is kept."""

NOTEBOOK = "data"
HINT = {
    "en": "You keep the last copy of each: where a key of a dictionary is written again, the earlier index is lost.",
    "zh": "你保留的是每组的最后一篇：字典的键再次写入时，先前的下标就被覆盖了。",
}
FAILS = [
    "test_exact_dedup_keeps_first_copies_in_order",
]


def exact_dedup(docs):
    last = {" ".join(text.lower().split()): index for index, text in enumerate(docs)}
    return sorted(last.values())
