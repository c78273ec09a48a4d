"""Gradients are not clipped."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your gradients are not clipped: the first batches of an unfamiliar text move the model far.",
    "zh": "你没有裁剪梯度：陌生文本的头几批会让模型偏离很远。",
}
FAILS = ["test_the_updates_are_those_asked_for"]


def continue_pretraining(model, batches, config, after_step=None):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses = []
    for step in range(config.steps):
        model.train()  # in each step: after_step may look at the model in eval mode
        for group in optimizer.param_groups:
            group["lr"] = rewarmed_lr(step, config.last_lr, config.max_lr, config.min_lr, config.warmup, config.steps)
        inputs, targets = batches.next_batch()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if after_step is not None:
            after_step(step, losses[-1])
    return losses
