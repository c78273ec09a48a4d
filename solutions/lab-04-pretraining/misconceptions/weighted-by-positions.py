"""Micro-batches are weighted by their positions, padding included."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You weight micro-batches by their size, but padding is not a target.",
    "zh": "你按微批的大小加权，可填充并不是目标。",
}
FAILS = ["test_accumulation_is_the_full_batch"]


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    counted = [targets.numel() for _, targets in micro_batches]
    loss = 0.0
    for (inputs, targets), count in zip(micro_batches, counted, strict=True):
        part = cross_entropy(model(inputs), targets) * (count / max(sum(counted), 1))
        part.backward()
        loss += part.item()
    norm = clip_gradients(model, max_norm)
    optimizer.step()
    return loss, norm
