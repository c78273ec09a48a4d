"""Orders drawn once per epoch and kept, replay rows last, half-up rounding by Bresenham's error, PyTorch's schedulers, foreach AdamW."""

NOTEBOOK = "continued"


@torch.inference_mode()
def bits_per_byte(model, rows, sizes):
    mode = model.training
    model.eval()
    bits = 0.0
    for row in rows:
        log_probs = model(row[None, :-1]).double().log_softmax(-1)[0]
        costs = -log_probs.gather(-1, row[1:, None])[:, 0] / math.log(2)
        bits += float((costs * (sizes[row[1:]] != 0)).sum())
    model.train(mode)
    return bits / float(sizes[rows[:, 1:]].sum())


def gain_and_forgetting(before, after, domain):
    others = sorted(before.keys() - {domain}, key=lambda name: after[name] - before[name])
    return before[domain] - after[domain], after[others[-1]] - before[others[-1]]


class ReplayBatches:
    def __init__(self, domain, replay, batch_size, ratio, seed=0):
        if ratio < 0 or ratio >= 1 or domain.shape[0] == 0 or (ratio and replay.shape[0] == 0):
            raise ValueError("this cannot be mixed")
        self.rows = {"domain": domain, "replay": replay}
        self.batch_size, self.ratio = batch_size, ratio
        self.generators = {name: torch.Generator().manual_seed(seed * 2 + i) for i, name in enumerate(self.rows)}
        self.orders = {"domain": [], "replay": []}
        self.batches_given = 0
        self.owed = 0.0

    def take(self, name):
        if not self.orders[name]:
            self.orders[name] = torch.randperm(len(self.rows[name]), generator=self.generators[name]).tolist()
        return self.rows[name][self.orders[name].pop()]

    def next_batch(self):
        names = []
        for _ in range(self.batch_size):
            self.owed += self.ratio
            names.append("replay" if self.owed > 0.5 else "domain")
            self.owed -= names[-1] == "replay"
        rows = torch.stack([self.take(name) for name in sorted(names)])
        self.batches_given += 1
        return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    def state_dict(self):
        return {"batches": self.batches_given}

    def load_state_dict(self, state):
        while self.batches_given < state["batches"]:
            self.next_batch()


def rewarmed_lr(step, last_lr, max_lr, min_lr, warmup, total):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    up = (last_lr + (max_lr - last_lr) * (step + 1) / max(warmup, 1)) if step < warmup else max_lr
    if step < warmup or step >= total:
        return up if step < warmup else min_lr
    optimizer.param_groups[0]["lr"] = max_lr
    arc = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - warmup, eta_min=min_lr)
    for _ in range(step - warmup):
        optimizer.step()
        arc.step()
    return arc.get_last_lr()[0]


def continue_pretraining(model, batches, config, after_step=None):
    optimizer = torch.optim.AdamW(
        filter(lambda p: p.requires_grad, model.parameters()), betas=(0.9, 0.95), weight_decay=0
    )
    losses = []
    for step in range(config.steps):
        model.train()
        model.zero_grad()
        inputs, targets = batches.next_batch()
        loss = F.cross_entropy(model(inputs).transpose(1, 2), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.max_norm)
        optimizer.param_groups[0]["lr"] = rewarmed_lr(
            step, config.last_lr, config.max_lr, config.min_lr, config.warmup, config.steps
        )
        optimizer.step()
        losses.append(float(loss))
        if after_step:
            after_step(step, float(loss))
    return losses
