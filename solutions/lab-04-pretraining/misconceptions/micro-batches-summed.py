"""The gradients of the micro-batches are added up without a factor."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "With n micro-batches your gradient is n times that of the full batch.",
    "zh": "有 n 个微批时，你的梯度是整批的 n 倍。",
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
    loss = 0.0
    for inputs, targets in micro_batches:
        part = cross_entropy(model(inputs), targets)
        part.backward()
        loss += part.item()
    norm = clip_gradients(model, max_norm)
    optimizer.step()
    return loss, norm
