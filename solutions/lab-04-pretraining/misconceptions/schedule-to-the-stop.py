"""The cosine ends where this part of the run stops."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "A run that stops half way has another schedule in your code: the cosine ends at `stop`, not at config.steps.",
    "zh": "在你的代码里，中途停下的训练用的是另一条学习率曲线：余弦终止在 `stop`，而不是 config.steps。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def train(model, optimizer, batches, config, start=0, stop=None, after_step=None):
    losses = []
    for step in range(start, config.steps if stop is None else stop):
        lr = lr_schedule(step, config.max_lr, config.warmup, config.steps if stop is None else stop, config.min_lr)
        micro_batches = [batches.next_batch() for _ in range(config.accumulation)]
        loss, norm = train_step(model, optimizer, micro_batches, lr, config.max_norm)
        losses.append(loss)
        if after_step is not None:
            after_step(step, loss, norm, lr)
    return losses
