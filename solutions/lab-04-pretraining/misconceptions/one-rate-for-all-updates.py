"""The rate is max_lr throughout."""

NOTEBOOK = "continued"
HINT = {
    "en": "All your updates have the rate max_lr: there is neither a warm-up nor a decay.",
    "zh": "你的每次更新都用 max_lr：既没有预热，也没有降下来。",
}
FAILS = ["test_the_updates_are_those_asked_for"]


def continue_pretraining(model, batches, config, after_step=None):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses = []
    for step in range(config.steps):
        model.train()  # in each step: after_step may look at the model in eval mode
        for group in optimizer.param_groups:
            group["lr"] = config.max_lr
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
