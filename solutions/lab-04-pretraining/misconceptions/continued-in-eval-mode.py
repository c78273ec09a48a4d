"""The model is trained in the mode in which it comes."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your model is trained in the mode in which it comes. Loaded models come in eval mode: no dropout.",
    "zh": "模型来的时候是什么模式，你就用什么模式训练。刚载入的模型处在 eval 模式：没有 dropout。",
}
FAILS = ["test_the_updates_are_those_asked_for"]


def continue_pretraining(model, batches, config, after_step=None):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses = []
    for step in range(config.steps):
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
