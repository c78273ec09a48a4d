"""The first label of each sequence is counted, although no position predicts it."""

HINT = {
    "en": "You count every label that is not ignored. No position predicts the first token of a "
    "sequence, so it is not in the loss either.",
    "zh": "你把所有未被忽略的标签都计了数。可是序列的第一个 token 没有位置去预测它，损失里也没有它。",
}
FAILS = ["test_every_response_token_weighs_the_same"]


@torch.no_grad()
def evaluate(model, batches):
    was_training = model.training
    model.eval()
    losses, counts = [], []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        losses.append(sft_loss(logits, batch["labels"]).item())
        counts.append(int((batch["labels"] != IGNORE_INDEX).sum()))
    model.train(was_training)
    if sum(counts) == 0:
        raise ValueError("no response tokens")
    loss = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
