"""The sum over the chosen tokens is divided by the number of all tokens."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Your loss gets smaller when more tokens do not count. By how many do you divide?",
    "zh": "不计入的 token 越多，你的损失就越小。你除以的是什么的个数？",
}
FAILS = [
    "test_only_chosen_tokens_count_in_the_loss",
]


def mlm_loss(logits, labels):
    return (
        F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="sum") / labels.numel()
    )
