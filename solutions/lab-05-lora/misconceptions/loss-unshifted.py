"""Logits and labels are compared at the same position, so that the model learns to copy its input."""

HINT = {
    "en": "Your loss compares position t with the label at t, which the model can read in its input: "
    "it learns to repeat, and the loss looks far too good.",
    "zh": "你的损失拿位置 t 的 logits 和位置 t 的标签比，而这个 token 模型在输入里就看得到：它学会的只是复读，损失还显得特别好看。",
}
FAILS = [
    "test_the_loss_and_its_gradient",
    "test_a_batch_with_nothing_to_learn",
    "test_training_takes_one_clipped_adamw_step_per_batch",
    "test_training_is_in_train_mode_and_leaves_the_frozen_alone",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
    "test_every_response_token_weighs_the_same",
    "test_eval_mode_meanwhile_and_the_old_mode_after",
    "test_batches_without_response_tokens",
]


def sft_loss(logits, labels):
    targets = labels.flatten()
    total = F.cross_entropy(logits.flatten(0, 1).float(), targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
