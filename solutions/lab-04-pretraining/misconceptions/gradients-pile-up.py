"""The gradients of earlier updates are never cleared."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "From the second update on, the gradients of the first are still there.",
    "zh": "从第二次更新起，第一次的梯度还在。",
}
FAILS = [
    "test_accumulation_is_the_full_batch",
    "test_a_resumed_run_is_the_same_to_the_bit",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    counted = [int((targets != IGNORE).sum()) for _, targets in micro_batches]
    loss = 0.0
    for (inputs, targets), count in zip(micro_batches, counted, strict=True):
        part = cross_entropy(model(inputs), targets) * (count / max(sum(counted), 1))
        part.backward()
        loss += part.item()
    norm = clip_gradients(model, max_norm)
    optimizer.step()
    return loss, norm
