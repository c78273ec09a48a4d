"""PyTorch's own loss and clipping, sums that are divided at the end, heads by split and view, draws by the cumulative sum."""

NOTEBOOK = "pretrain_gpt"


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.c_attn = nn.Linear(config.d_model, 3 * config.d_model)
        self.c_proj = nn.Linear(config.d_model, config.d_model)

    def forward(self, x):
        B, T, d = x.shape
        H = self.config.n_heads
        q, k, v = (part.view(B, T, H, d // H).transpose(1, 2) for part in self.c_attn(x).split(d, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(mixed.transpose(1, 2).reshape(B, T, d))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.d_model)
        self.wpe = nn.Embedding(config.n_positions, config.d_model)
        self.h = nn.ModuleList([Block(config) for _ in range(config.n_layers)])
        self.ln_f = nn.LayerNorm(config.d_model)
        self.apply(self.begin)
        with torch.no_grad():
            for block in self.h:
                for projection in (block.attn.c_proj, block.mlp.c_proj):
                    projection.weight /= (2 * config.n_layers) ** 0.5

    def begin(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(mean=0.0, std=0.02)
        if isinstance(module, nn.Linear):
            module.bias.data.zero_()

    def forward(self, ids):
        T = ids.size(1)
        if len(self.wpe.weight) < T:
            raise ValueError(f"a sequence of {T} tokens is too long")
        x = self.wte(ids) + self.wpe(torch.arange(T, device=ids.device))
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


@torch.no_grad()
def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    mode = model.training
    model.eval()
    generator = torch.Generator(device=ids.device)
    generator.manual_seed(seed)
    try:
        for _ in range(n_new):
            logits = model(ids[:, max(0, ids.shape[1] - context) :])[:, -1, :]
            if temperature > 0:
                bounds = torch.softmax(logits.double() / temperature, dim=-1).cumsum(-1)
                draws = torch.rand(len(ids), 1, dtype=torch.float64, device=ids.device, generator=generator)
                token = torch.searchsorted(bounds / bounds[:, -1:], draws, right=True)
            else:
                token = torch.topk(logits, 1).indices
            ids = torch.hstack([ids, token])
    finally:
        model.train(mode)
    return ids


def inputs_and_targets(rows):
    return rows[..., :-1].contiguous(), torch.roll(rows, -1, dims=-1)[..., :-1].contiguous()


def cross_entropy(logits, targets, ignore_index=-100):
    if (targets == ignore_index).all():
        return 0.0 * logits.sum()
    return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=ignore_index)


@torch.inference_mode()
def bits_per_byte(model, ids, n_bytes):
    mode = model.training
    model.eval()
    bits = 0.0
    for row in ids:
        log_probs = model(row[None, :-1]).double().log_softmax(-1)
        bits -= log_probs[0].gather(-1, row[1:, None]).sum().item() / math.log(2)
    model.train(mode)
    return bits / n_bytes


def lr_schedule(step, max_lr, warmup, total, min_lr):
    if warmup and step < warmup:
        return (step + 1) / warmup * max_lr
    done = min(1.0, (step - warmup) / max(total - warmup, 1)) if step < total else 1.0
    weight = 0.5 + 0.5 * math.cos(math.pi * done)
    return weight * max_lr + (1 - weight) * min_lr


def parameter_groups(model, weight_decay):
    matrices, vectors = [], []
    for _, parameter in model.named_parameters():
        if parameter.requires_grad:
            (vectors if parameter.ndim <= 1 else matrices).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def clip_gradients(model, max_norm):
    return float(nn.utils.clip_grad_norm_(model.parameters(), max_norm))


def train_step(model, optimizer, micro_batches, lr, max_norm):
    model.train()
    model.zero_grad()
    total, n_targets = 0.0, 0
    for inputs, targets in micro_batches:
        nats = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=IGNORE)
        nats.backward()
        total += nats.item()
        n_targets += (targets != IGNORE).sum().item()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= max(n_targets, 1)
    norm = clip_gradients(model, max_norm)
    for group in optimizer.param_groups:
        group.update(lr=lr)
    optimizer.step()
    return total / max(n_targets, 1), norm


def save_checkpoint(path, model, optimizer, batches, step):
    states = [part.state_dict() for part in (model, optimizer, batches)]
    temporary = Path(path).with_suffix(".tmp")
    torch.save({"states": states, "step": step, "rng": torch.random.get_rng_state()}, temporary)
    temporary.replace(path)


def load_checkpoint(path, model, optimizer, batches):
    checkpoint = torch.load(path)
    for part, state in zip((model, optimizer, batches), checkpoint["states"], strict=True):
        part.load_state_dict(state)
    torch.random.set_rng_state(checkpoint["rng"])
    return checkpoint["step"]
