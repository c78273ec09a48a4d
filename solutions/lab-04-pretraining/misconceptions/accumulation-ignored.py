"""Each update takes one batch, whatever `accumulation` says."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Each of your updates takes one batch, whatever config.accumulation says.",
    "zh": "无论 config.accumulation 是多少，你每次更新都只取一批。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]


def train(model, optimizer, batches, config, start=0, stop=None, after_step=None):
    losses = []
    for step in range(start, config.steps if stop is None else stop):
        lr = lr_schedule(step, config.max_lr, config.warmup, config.steps, config.min_lr)
        micro_batches = [batches.next_batch() for _ in range(1)]
        loss, norm = train_step(model, optimizer, micro_batches, lr, config.max_norm)
        losses.append(loss)
        if after_step is not None:
            after_step(step, loss, norm, lr)
    return losses
