"""Labels are shifted by two, so that the model learns the token after the next."""

HINT = {
    "en": "Your shift moves by two positions: the model would be trained to skip a token.",
    "zh": "你移了两位:这样训练,模型会跳过一个 token。",
}
FAILS = [
]


def sft_loss(logits, labels):
    logits, labels = logits[:, :-1], labels[:, 1:]
    predictions, targets = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
    total = F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
