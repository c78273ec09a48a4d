"""evaluate puts the model into train mode, whatever mode it was in."""

HINT = {
    "en": "Your evaluation always ends in train mode, also for a model that came in eval mode: its "
    "next answers are random.",
    "zh": "无论模型进来时是什么模式，评估结束后你都把它设成了训练模式：原本处于评估模式的模型，接下来的输出就变成随机的了。",
}
FAILS = ["test_eval_mode_meanwhile_and_the_old_mode_after"]


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    losses, counts = [], []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        losses.append(sft_loss(logits, batch["labels"]).item())
        counts.append(int((batch["labels"][:, 1:] != IGNORE_INDEX).sum()))
    model.train()
    if sum(counts) == 0:
        raise ValueError("no response tokens")
    loss = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
