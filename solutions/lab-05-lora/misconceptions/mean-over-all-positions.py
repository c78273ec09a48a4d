"""The sum over response tokens is divided by the number of all positions."""

HINT = {
    "en": "You divide by all positions, prompts and padding among them: the loss gets smaller when a "
    "batch only gets longer.",
    "zh": "你除以了所有位置的个数，连提示和填充也算在内：批只是变长了，损失就会变小。",
}
FAILS = [
    "test_the_loss_and_its_gradient",
    "test_training_takes_one_clipped_adamw_step_per_batch",
    "test_training_is_in_train_mode_and_leaves_the_frozen_alone",
    "test_every_response_token_weighs_the_same",
    "test_eval_mode_meanwhile_and_the_old_mode_after",
    "test_batches_without_response_tokens",
]


def sft_loss(logits, labels):
    predictions, targets = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
    return F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="none").mean()
