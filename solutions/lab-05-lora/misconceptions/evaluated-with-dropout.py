"""The model is evaluated in the mode it was in, with dropout on in the middle of a training."""

HINT = {
    "en": "You evaluate in whatever mode the model is in: in the middle of a training, dropout blurs the result.",
    "zh": "你在模型当前的模式下直接评估：训练中途评估时，dropout 会干扰结果。",
}
FAILS = ["test_eval_mode_meanwhile_and_the_old_mode_after"]


@torch.no_grad()
def evaluate(model, batches):
    losses, counts = [], []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        losses.append(sft_loss(logits, batch["labels"]).item())
        counts.append(int((batch["labels"][:, 1:] != IGNORE_INDEX).sum()))
    if sum(counts) == 0:
        raise ValueError("no response tokens")
    loss = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
