"""Both are after - before."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your gain is negative when the domain gets cheaper. Fewer bits are better.",
    "zh": "领域文本变得更省比特时，你的收益却是负数。比特越少越好。",
}
FAILS = ["test_gain_forgetting_and_the_rate"]
EDIT = ("gain_and_forgetting", " -change", " change")
