"""After resuming, the schedule begins again at its step 0."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After resuming, your learning rate begins with the warm-up again.",
    "zh": "恢复之后，你的学习率又从预热开始了。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]
EDIT = (
    "train",
    "lr = lr_schedule(step, config.max_lr, config.warmup, config.steps, config.min_lr)",
    "lr = lr_schedule(step - start, config.max_lr, config.warmup, config.steps, config.min_lr)",
)
