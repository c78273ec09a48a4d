"""zero_grad is missing: every step also takes the gradients of the batches before."""

HINT = {
    "en": "Each of your steps also carries the gradients of all the batches before it.",
    "zh": "你的每一步都带着前面所有批累积下来的梯度。",
}
FAILS = [
    "test_training_takes_one_clipped_adamw_step_per_batch",
    "test_training_is_in_train_mode_and_leaves_the_frozen_alone",
]


def train(model, batches, lr, max_grad_norm=1.0):
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    model.train()
    losses = []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        loss.backward()
        nn.utils.clip_grad_norm_(trainable, max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses
