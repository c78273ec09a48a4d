"""A subtotal is a module's own number and its children's own, one level deep."""

NOTEBOOK = "explore"
HINT = {
    "en": "You add the children's own numbers, but not what is below the children.",
    "zh": "你加上了子模块自己的数，却没有加子模块下面的。",
}
FAILS = ["test_subtotals_of_a_tree"]


def subtotals(own):
    sums = dict(own)
    for path, number in own.items():
        if path:
            sums[path.rpartition(".")[0]] += number
    return sums
