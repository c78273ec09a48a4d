"""The cosine runs over all steps, the warm-up included."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "At step warmup your rate falls at once: your cosine began at step 0.",
    "zh": "到第 warmup 步，你的学习率一下子掉了下来：余弦是从第 0 步开始算的。",
}
FAILS = [
    "test_the_learning_rate_of_every_step",
    "test_a_resumed_run_is_the_same_to_the_bit",
]
EDIT = ("lr_schedule", "progress = (step - warmup) / (total - warmup)", "progress = step / total")
