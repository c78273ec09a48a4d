"""A subtotal has what is below a module, without the module's own."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your subtotals leave out the module's own number.",
    "zh": "你的子树求和漏掉了模块自己的数。",
}
FAILS = ["test_subtotals_of_a_tree"]


def subtotals(own):
    sums = dict.fromkeys(own, 0)
    for path, number in own.items():
        while path:
            path = path.rpartition(".")[0]
            sums[path] += number
    return sums
