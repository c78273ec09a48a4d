"""Labels are shifted by two, so that the model learns the token after the next."""

HINT = {
    "en": "Your shift moves by two positions: the model would be trained to skip a token.",
    "zh": "你移了两位：这样训练，模型会跳过一个 token。",
}
FAILS = [
    "test_the_loss_and_its_gradient",
    "test_training_takes_one_clipped_adamw_step_per_batch",
    "test_training_is_in_train_mode_and_leaves_the_frozen_alone",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
    "test_every_response_token_weighs_the_same",
    "test_eval_mode_meanwhile_and_the_old_mode_after",
    "test_batches_without_response_tokens",
]


def sft_loss(logits, labels):
    logits, labels = logits[:, :-1], labels[:, 1:]
    predictions, targets = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
    total = F.cross_entropy(predictions, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)
