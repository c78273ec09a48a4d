"""All parameters are trained, the frozen ones too."""

NOTEBOOK = "continued"
HINT = {
    "en": "You train parameters that are frozen. They should stay as they are.",
    "zh": "你把冻结的参数也训练了。冻结就是要它保持原样。",
}
FAILS = ["test_the_updates_are_those_asked_for"]


def continue_pretraining(model, batches, config, after_step=None):
    model.requires_grad_(True)
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
        nn.utils.clip_grad_norm_(trained, config.max_norm)
        optimizer.step()
        losses.append(loss.item())
        if after_step is not None:
            after_step(step, losses[-1])
    return losses
