"""Logits and labels are compared at the same position, so that the model learns to copy its input."""

HINT = {
    "en": "Your loss compares position t with the label at t, which the model can read off its input: "
    "it learns to repeat, and the loss looks wonderful.",
    "zh": "你的损失拿位置 t 的 logits 和位置 t 的标签比,而这个 token 模型在输入里就看得到:它学会的只是复读,损失还显得特别好看。",
}
FAILS = [
]


def sft_loss(logits, labels):
    targets = labels.flatten()
    total = F.cross_entropy(logits.flatten(0, 1).float(), targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
