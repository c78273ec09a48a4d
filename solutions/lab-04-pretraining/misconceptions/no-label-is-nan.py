"""Without any label the loss is 0/0."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "In a batch where nothing is chosen your loss is NaN, and one NaN spoils the whole model.",
    "zh": "一个 token 都没选中时，你的损失是 NaN，而一个 NaN 就能毁掉整个模型。",
}
FAILS = [
    "test_only_chosen_tokens_count_in_the_loss",
]


def mlm_loss(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)
