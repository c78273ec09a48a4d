"""`h.10` is taken for a part of `h.1`."""

NOTEBOOK = "explore"
HINT = {
    "en": "You compare paths as text: `h.10` begins with `h.1`, but is it below it?",
    "zh": "你把路径当普通文本比较：`h.10` 以 `h.1` 开头，可它在 `h.1` 下面吗？",
}
FAILS = ["test_subtotals_of_a_tree"]


def subtotals(own):
    return {path: sum(number for other, number in own.items() if other.startswith(path)) for path in own}
