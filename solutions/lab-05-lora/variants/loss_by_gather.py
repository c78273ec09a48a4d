"""The loss by log-softmax and gather, the optimiser's step with gradients from autograd.grad, evaluation by sums."""


def sft_loss(logits, labels):
    log_p = logits[:, :-1, :].float().log_softmax(dim=-1)
    targets = labels[:, 1:]
    counted = targets != IGNORE_INDEX
    chosen = log_p.gather(-1, targets.masked_fill(~counted, 0).unsqueeze(-1)).squeeze(-1)
    return -(chosen * counted).sum() / max(counted.sum().item(), 1)


def train(model, batches, lr, max_grad_norm=1.0):
    model.train()
    parameters = [parameter for _, parameter in model.named_parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW([{"params": parameters}], lr=lr)
    history = []
    for batch in batches:
        output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        loss = sft_loss(output.logits, batch["labels"])
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        norm = torch.sqrt(sum(gradient.square().sum() for gradient in gradients if gradient is not None))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter.grad = gradient * min(1.0, max_grad_norm / (norm.item() + 1e-6))
        optimizer.step()
        history.append(float(loss))
    return history


def evaluate(model, batches):
    mode = model.training
    model.train(False)
    nll, tokens = 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            targets = batch["labels"][:, 1:].reshape(-1)
            flat = logits[:, :-1].reshape(len(targets), -1)
            nll += F.cross_entropy(flat, targets, ignore_index=IGNORE_INDEX, reduction="sum").item()
            tokens += (targets != IGNORE_INDEX).sum().item()
    model.train(mode)
    if not tokens:
        raise ValueError("no response tokens")
    return {"loss": nll / tokens, "perplexity": math.exp(nll / tokens), "tokens": tokens}
