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


def lr_schedule(step, max_lr, warmup, total, min_lr):
    if step < warmup:
        return max_lr * step / warmup
    if step >= total:
        return min_lr
    progress = (step - warmup) / (total - warmup)
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * progress)) / 2
