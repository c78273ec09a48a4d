"""Nothing fused: attention head by head, log-softmax by hand, draws by Gumbel noise, a loop with while."""

NOTEBOOK = "pretrain_gpt"


class CausalSelfAttention(CausalSelfAttention):
    def forward(self, x):
        D = x.shape[-1] // self.n_heads
        q, k, v = self.c_attn(x).chunk(3, -1)
        heads = []
        for head in range(self.n_heads):
            own = slice(head * D, (head + 1) * D)
            scores = q[..., own] @ k[..., own].mT / D**0.5
            past = torch.ones_like(scores[0]).tril() > 0
            heads.append(scores.where(past, -torch.inf).softmax(-1) @ v[..., own])
        return self.c_proj(torch.cat(heads, -1))


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    if n_new == 0:
        return ids
    mode, generator = model.training, torch.Generator().manual_seed(seed)
    with torch.no_grad():
        logits = model.eval()(ids[:, -context:])[:, -1]
    model.train(mode)
    if temperature == 0:
        new = logits.max(-1).indices
    else:  # Gumbel: the largest of logits / temperature plus noise is a draw from the softmax
        new = (logits / temperature - (-torch.rand(logits.shape, generator=generator).log()).log()).argmax(-1)
    longer = torch.cat([ids, new[:, None]], -1)
    return generate(model, longer, n_new - 1, context, temperature, seed + 1)


def cross_entropy(logits, targets, ignore_index=IGNORE):
    kept = targets != ignore_index
    logits, targets = logits[kept], targets[kept]
    shifted = logits - logits.max(-1, keepdim=True).values.detach() if len(logits) else logits
    log_probs = shifted - shifted.exp().sum(-1, keepdim=True).log()
    return -log_probs[torch.arange(len(targets)), targets].sum() / max(len(targets), 1)


def clip_gradients(model, max_norm):
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = math.sqrt(sum(gradient.double().square().sum().item() for gradient in gradients))
    for gradient in gradients:
        gradient.copy_(gradient * min(1.0, max_norm / max(norm, 1e-12)))
    return norm


def train(model, optimizer, batches, config, start=0, stop=None, after_step=None):
    losses, step, stop = [], start, config.steps if stop is None else min(stop, config.steps)
    while step < stop:
        lr = lr_schedule(step, config.max_lr, config.warmup, config.steps, config.min_lr)
        pairs = []
        while len(pairs) < config.accumulation:
            pairs.append(batches.next_batch())
        loss, norm = train_step(model, optimizer, pairs, lr, config.max_norm)
        losses += [loss]
        if after_step:
            after_step(step, loss, norm, lr)
        step += 1
    return losses
