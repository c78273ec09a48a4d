"""The rate rises from 0, not from last_lr."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your rate starts from 0 again. The earlier run ended at last_lr; from there it goes up.",
    "zh": "你的学习率又从 0 开始了。之前的训练停在 last_lr，应当从那里往上升。",
}
FAILS = ["test_gain_forgetting_and_the_rate", "test_the_updates_are_those_asked_for"]
EDIT = ("rewarmed_lr", "last_lr + (max_lr - last_lr)", "max_lr")
