"""Forgetting is the mean over the other texts."""

NOTEBOOK = "continued"
HINT = {
    "en": "You average over the other texts: what one has lost hides behind what another has gained.",
    "zh": "你对其他文本取了平均：一种文本的损失，被另一种的收益掩盖了。",
}
FAILS = ["test_gain_forgetting_and_the_rate"]


def gain_and_forgetting(before, after, domain):
    change = {name: after[name] - before[name] for name in before}
    others = [value for name, value in change.items() if name != domain]
    return -change[domain], sum(others) / len(others)
