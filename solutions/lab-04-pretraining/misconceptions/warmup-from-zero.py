"""The first update has a rate of 0."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your step 0 has a rate of 0: the first update does nothing, and step warmup - 1 is not at the top yet.",
    "zh": "你的第 0 步学习率为 0：第一次更新什么也没做，而第 warmup - 1 步还没到最高。",
}
FAILS = [
    "test_the_learning_rate_of_every_step",
    "test_a_resumed_run_is_the_same_to_the_bit",
]
EDIT = ("lr_schedule", "return max_lr * (step + 1) / warmup", "return max_lr * step / warmup")
