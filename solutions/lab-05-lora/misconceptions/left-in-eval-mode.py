"""evaluate leaves the model in eval mode."""

HINT = {
    "en": "After your evaluation the model stays in eval mode, and the training that goes on has no dropout.",
    "zh": "评估之后模型停留在评估模式，接下来的训练就没有 dropout 了。",
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
    if sum(counts) == 0:
        raise ValueError("no response tokens")
    loss = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
