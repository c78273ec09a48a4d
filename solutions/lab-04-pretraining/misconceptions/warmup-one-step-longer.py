"""The warm-up takes one step more than `warmup`."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your step warmup - 1 is still below max_lr: the warm-up takes one step too many.",
    "zh": "你的第 warmup - 1 步还低于 max_lr：预热多用了一步。",
}
FAILS = [
    "test_the_learning_rate_of_every_step",
    "test_a_resumed_run_is_the_same_to_the_bit",
]
EDIT = ("lr_schedule", "return max_lr * (step + 1) / warmup", "return max_lr * (step + 1) / (warmup + 1)")
