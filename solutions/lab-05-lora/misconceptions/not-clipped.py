"""max_grad_norm is not used."""

HINT = {
    "en": "max_grad_norm has no effect on your training: one odd batch may throw the weights far away.",
    "zh": "max_grad_norm 在你的训练里没有任何作用：碰上一个异常的批，权重就可能被甩得很远。",
}
FAILS = ["test_training_takes_one_clipped_adamw_step_per_batch"]


def train(model, batches, lr, max_grad_norm=1.0):
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    model.train()
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = sft_loss(logits, batch["labels"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
