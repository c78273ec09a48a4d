"""The model is not put into train mode."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After a look at samples or at held-out text the model is in eval mode, and your update leaves it there: no dropout any more.",
    "zh": "看过样本或测过留出文本之后，模型处在 eval 模式，而你的更新没有把它切回来：dropout 从此失效。",
}
FAILS = ["test_accumulation_is_the_full_batch"]


def train_step(model, optimizer, micro_batches, lr, max_norm):
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
