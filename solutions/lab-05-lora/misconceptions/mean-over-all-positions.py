"""The sum over response tokens is divided by the number of all positions."""

HINT = {
    "en": "You divide by all positions, prompts and padding among them: the loss gets smaller when a "
    "batch only gets longer.",
    "zh": "你除以了所有位置的个数,连提示和填充也算在内:批次只是变长了,损失就会变小。",
}
FAILS = [
]


def sft_loss(logits, labels):
    predictions, targets = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
    return F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="none").mean()
