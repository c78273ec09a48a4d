"""evaluate runs with autograd on, so that every batch keeps its activations."""

HINT = {
    "en": "Autograd records your evaluation: it takes several times the memory, for gradients that nobody asks for.",
    "zh": "评估时 autograd 仍在记录：要多占好几倍内存，而这些梯度根本没人用。",
}
FAILS = ["test_nothing_is_kept_for_a_backward_pass"]


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
    loss = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
    return {"loss": loss, "perplexity": math.exp(loss), "tokens": sum(counts)}
