"""train makes every parameter trainable and gives them all to the optimiser."""

HINT = {
    "en": "Your train makes every parameter trainable again and updates the base. Who decides what is "
    "trained, train or the model that it is given?",
    "zh": "你的 train 把所有参数重新设成可训练，连基座模型也更新了。训练哪些参数，该由 train 决定，还是由传进来的模型决定？",
}
FAILS = [
    "test_training_takes_one_clipped_adamw_step_per_batch",
    "test_training_is_in_train_mode_and_leaves_the_frozen_alone",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
]


def train(model, batches, lr, max_grad_norm=1.0):
    for parameter in model.parameters():
        parameter.requires_grad = True
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    model.train()
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses
