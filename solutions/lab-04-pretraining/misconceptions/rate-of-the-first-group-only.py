"""The rate is set in the first group only."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your optimizer has two groups; one of them keeps its old rate.",
    "zh": "优化器有两个参数组，其中一个还是原来的学习率。",
}
FAILS = ["test_accumulation_is_the_full_batch"]


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    optimizer.param_groups[0]["lr"] = lr
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
