"""Update 0 has last_lr: the warm-up is one update late."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your update 0 still has last_lr, and the last update of the warm-up does not reach max_lr: one step late.",
    "zh": "你的第 0 次更新还停在 last_lr，预热的最后一次更新也没到 max_lr：晚了一步。",
}
FAILS = ["test_gain_forgetting_and_the_rate", "test_the_updates_are_those_asked_for"]
EDIT = ("rewarmed_lr", "(step + 1)", "step")
