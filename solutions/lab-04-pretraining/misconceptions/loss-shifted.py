"""The loss is shifted by one, as for a GPT."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "logits[:, t] are compared with the label of t + 1. That is GPT: here a token is asked about at its own place.",
    "zh": "logits[:, t] 比的是 t + 1 的标签。那是 GPT 的做法；这里每个 token 就在自己的位置上被问到。",
}
FAILS = [
    "test_only_chosen_tokens_count_in_the_loss",
]


def mlm_loss(logits, labels):
    total = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE, reduction="sum")
    return total / (labels[:, 1:] != IGNORE).sum().clamp(min=1)
