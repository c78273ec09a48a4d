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


def lr_schedule(step, max_lr, warmup, total, min_lr):
    if step < warmup:
        return max_lr * (step + 1) / warmup
    if step >= total:
        return min_lr
    progress = (step - warmup) / (total - warmup)
    return max_lr * (1 + math.cos(math.pi * progress)) / 2
