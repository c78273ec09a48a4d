"""The mean of the batches' losses, so that a token in a short batch weighs more."""

HINT = {
    "en": "You average over batches: a token in a batch with few of them weighs more than one in a full batch.",
    "zh": "你是按批求平均的：批里的 token 越少，其中每个 token 的权重就越大。",
}
FAILS = [
    "test_every_response_token_weighs_the_same",
    "test_batches_without_response_tokens",
]


@torch.no_grad()
def evaluate(model, batches):
    was_training = model.training
    model.eval()
    losses, counts = [], []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        losses.append(sft_loss(logits, batch["labels"]).item())
        counts.append(int((batch["labels"][:, 1:] != IGNORE_INDEX).sum()))
    model.train(was_training)
    if sum(counts) == 0:
        raise ValueError("no response tokens")
    loss = sum(losses) / len(losses)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
