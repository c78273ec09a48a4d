"""The plain mean, which is NaN when every label is ignored."""

HINT = {
    "en": "A batch in which nothing is to be learnt gives 0 / 0: your loss is NaN, and one step with "
    "it destroys every weight.",
    "zh": "一个批里没有任何要学的 token 时，你的损失是 0 / 0，也就是 NaN；用它走一步，所有权重就全毁了。",
}
FAILS = [
    "test_a_batch_with_nothing_to_learn",
    "test_batches_without_response_tokens",
]


def sft_loss(logits, labels):
    predictions, targets = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
    return F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX)
