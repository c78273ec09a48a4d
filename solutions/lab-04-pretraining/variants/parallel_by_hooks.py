"""One all-reduce for all gradients, an Adam of one's own, f and g by hooks, the calculator by cases."""

NOTEBOOK = "parallel"


def average_gradients(model, group, n_examples):
    trained = [p for p in model.parameters() if p.requires_grad]
    row = [torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in trained]
    row = torch.cat([*row, torch.ones(1)]) * n_examples
    row = group.all_reduce(row.to(trained[0].dtype))
    row = row[:-1] / row[-1]
    for parameter, gradient in zip(trained, row.split([p.numel() for p in trained]), strict=True):
        parameter.grad = gradient.reshape(parameter.shape)


class ShardedAdamW:
    def __init__(self, parameters, group, **hyper):
        self.group, self.parameters = group, [*parameters]
        self.sizes = [p.numel() for p in self.parameters]
        self.length = math.ceil(sum(self.sizes) / group.size)
        start = group.rank * self.length
        self.mine = slice(start, start + self.length)
        self.shard = nn.Parameter(self._own([p.data for p in self.parameters]))
        self.optimizer = torch.optim.AdamW([self.shard], **hyper)

    def _own(self, tensors):
        row = torch.zeros(self.length * self.group.size)
        row[: sum(self.sizes)] = torch.cat([t.reshape(-1) for t in tensors])
        return row[self.mine].clone()

    def step(self):
        row = torch.zeros(self.length * self.group.size)
        row[: sum(self.sizes)] = torch.cat(
            [torch.zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self.parameters]
        )
        self.shard.grad = self.group.all_reduce(row)[self.mine] / self.group.size
        self.optimizer.step()
        row = torch.zeros_like(row)
        row[self.mine] = self.shard.data
        row = self.group.all_reduce(row)[: sum(self.sizes)]
        with torch.no_grad():
            for parameter, values in zip(self.parameters, row.split(self.sizes), strict=True):
                parameter.copy_(values.view(parameter.shape))


def copy_to_ranks(x, group):
    x = x.view_as(x)
    if x.requires_grad:
        x.register_hook(group.all_reduce)
    return x


def sum_over_ranks(x, group):
    return x + (group.all_reduce(x) - x).detach()


class ParallelMLP(nn.Module):
    def __init__(self, up, down, group):
        super().__init__()
        parts = group.size
        if up.weight.shape[0] % parts != 0:
            raise ValueError("d_ff must be a multiple of the number of ranks")
        self.group = group
        self.up = copy.deepcopy(up)
        self.up.weight = nn.Parameter(up.weight.data.chunk(parts, 0)[group.rank].clone())
        self.up.bias = nn.Parameter(up.bias.data.chunk(parts, 0)[group.rank].clone())
        self.down_weight = nn.Parameter(down.weight.data.chunk(parts, 1)[group.rank].clone())
        self.down_bias = nn.Parameter(down.bias.data.clone())

    def forward(self, x):
        partial = F.gelu(self.up(copy_to_ranks(x, self.group))) @ self.down_weight.T
        return sum_over_ranks(partial, self.group) + self.down_bias


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    if stage == 0:
        each = 16
    elif stage == 1:
        each = 4 + 12 / n_data
    elif stage == 2:
        each = 2 + 14 / n_data
    elif stage == 3:
        each = 16 / n_data
    else:
        raise ValueError("no such stage")
    return each * n_params / n_model


def gpus_needed(n_params, gpu_gib, stage):
    for n in range(1, 10_000):
        if model_state_bytes(n_params, stage, n) <= gpu_gib * 1024**3:
            return n
    return None


def data_parallel_bytes(n_params, n_data, stage=0):
    half = 2 * n_params * (1 - 1 / n_data)
    return 3 * half if stage == 3 else 2 * half


def tensor_parallel_bytes(n_layers, batch, seq, d_model, n_tensor):
    ring = 2 * (1 - 1 / n_tensor)
    return n_layers * 4 * ring * (batch * seq * d_model * 2)


def pipeline_idle(n_stages, n_micro):
    return 1 - n_micro / (n_micro + n_stages - 1)


def training_days(n_params, n_tokens, n_gpus, flops_per_gpu, recompute=False):
    seconds = (2 + 4 + (2 if recompute else 0)) * n_params * n_tokens / flops_per_gpu / n_gpus
    return seconds / 3600 / 24
