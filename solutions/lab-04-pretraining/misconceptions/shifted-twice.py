"""The loss shifts once more what the data has shifted already."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Data and loss both shift: your model learns to predict the token after the next.",
    "zh": "数据里错开了一位，损失里又错开一位：你的模型学的是预测下下个 token。",
}
FAILS = [
    "test_the_loss_of_shifted_targets",
    "test_bits_per_byte_of_a_text",
    "test_accumulation_is_the_full_batch",
    "test_a_resumed_run_is_the_same_to_the_bit",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


def cross_entropy(logits, targets, ignore_index=IGNORE):
    logits, targets = logits[:, :-1], targets[:, 1:]
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_index, reduction="sum")
    return loss / (targets != ignore_index).sum().clamp(min=1)
