"""Every micro-batch counts the same, whatever its size."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You average the means of the micro-batches: a target in a small one counts more than one in a large one.",
    "zh": "你把各个微批的均值再取平均：小微批里的目标比大微批里的更有分量。",
}
FAILS = ["test_accumulation_is_the_full_batch"]


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    loss = 0.0
    for inputs, targets in micro_batches:
        part = cross_entropy(model(inputs), targets) / len(micro_batches)
        part.backward()
        loss += part.item()
    norm = clip_gradients(model, max_norm)
    optimizer.step()
    return loss, norm
