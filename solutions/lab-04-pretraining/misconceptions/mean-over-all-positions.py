"""The losses of the targets that count are divided by the number of all positions."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You add up the right losses and divide by the number of all positions: the more padding, the smaller your loss.",
    "zh": "你加起来的损失是对的，却除以了全部位置的个数：填充越多，损失越小。",
}
FAILS = [
    "test_the_loss_of_shifted_targets",
    "test_accumulation_is_the_full_batch",
]


def cross_entropy(logits, targets, ignore_index=IGNORE):
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_index, reduction="sum")
    return loss / targets.numel()
