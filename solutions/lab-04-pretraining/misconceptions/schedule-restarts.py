"""After resuming, the schedule begins again at its step 0."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After resuming, your learning rate begins with the warm-up again.",
    "zh": "恢复之后，你的学习率又从预热开始了。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def train(model, optimizer, batches, config, start=0, stop=None, after_step=None):
    losses = []
    for step in range(start, config.steps if stop is None else stop):
        lr = lr_schedule(step - start, config.max_lr, config.warmup, config.steps, config.min_lr)
        micro_batches = [batches.next_batch() for _ in range(config.accumulation)]
        loss, norm = train_step(model, optimizer, micro_batches, lr, config.max_norm)
        losses.append(loss)
        if after_step is not None:
            after_step(step, loss, norm, lr)
    return losses
