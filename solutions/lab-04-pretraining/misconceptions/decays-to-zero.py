"""The cosine ends at 0 instead of min_lr."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your cosine goes down to 0 whatever min_lr is.",
    "zh": "无论 min_lr 是多少，你的余弦都降到 0。",
}
FAILS = [
    "test_the_learning_rate_of_every_step",
    "test_a_resumed_run_is_the_same_to_the_bit",
]
EDIT = ("lr_schedule", "min_lr + (max_lr - min_lr)", "max_lr")
