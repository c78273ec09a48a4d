"""Where no target counts, 0 is divided by 0."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "A micro-batch in which nothing counts gives you 0 / 0, and one NaN spoils all weights.",
    "zh": "没有任何有效目标的微批会得到 0 / 0，一个 NaN 就毁掉所有权重。",
}
FAILS = ["test_the_loss_of_shifted_targets", "test_accumulation_is_the_full_batch"]


def cross_entropy(logits, targets, ignore_index=IGNORE):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_index)
