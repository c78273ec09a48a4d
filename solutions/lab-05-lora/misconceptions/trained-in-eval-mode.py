"""train leaves the model in whatever mode it was in, so that dropout may be off."""

HINT = {
    "en": "You never put the model into train mode: after an evaluation, its dropout would stay off for "
    "the rest of the training.",
    "zh": "你没有把模型切到训练模式：评估过一次之后，后面的训练里 dropout 就一直是关着的。",
}
FAILS = ["test_training_is_in_train_mode_and_leaves_the_frozen_alone"]


def train(model, batches, lr, max_grad_norm=1.0):
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        loss.backward()
        nn.utils.clip_grad_norm_(trainable, max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses
