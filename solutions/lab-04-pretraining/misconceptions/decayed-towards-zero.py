"""AdamW decays by its default."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your AdamW still decays its weights (0.01 by default): it pulls what was learnt towards 0, and no text asked for that.",
    "zh": "你的 AdamW 还在做权重衰减（默认 0.01）：它把学到的东西往 0 拉，而没有任何文本要求这样。",
}
FAILS = ["test_the_updates_are_those_asked_for"]


def continue_pretraining(model, batches, config, after_step=None):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), fused=True)
    losses = []
    for step in range(config.steps):
        model.train()  # in each step: after_step may look at the model in eval mode
        for group in optimizer.param_groups:
            group["lr"] = rewarmed_lr(step, config.last_lr, config.max_lr, config.min_lr, config.warmup, config.steps)
        inputs, targets = batches.next_batch()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, config.max_norm)
        optimizer.step()
        losses.append(loss.item())
        if after_step is not None:
            after_step(step, losses[-1])
    return losses
