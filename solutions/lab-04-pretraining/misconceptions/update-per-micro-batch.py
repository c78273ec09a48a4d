"""Each micro-batch makes an update of its own."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You update after each micro-batch: several small updates are not one.",
    "zh": "每个微批之后你都更新了一次：几次小更新不等于一次大更新。",
}
FAILS = [
    "test_accumulation_is_the_full_batch",
    "test_a_resumed_run_is_the_same_to_the_bit",
]


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    counted = [int((targets != IGNORE).sum()) for _, targets in micro_batches]
    loss = 0.0
    for (inputs, targets), count in zip(micro_batches, counted, strict=True):
        part = cross_entropy(model(inputs), targets) * (count / max(sum(counted), 1))
        part.backward()
        loss += part.item()
        norm = clip_gradients(model, max_norm)
        optimizer.step()
    return loss, norm
