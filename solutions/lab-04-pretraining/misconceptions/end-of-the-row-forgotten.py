"""The row is cut in n // size numbers for each rank: what is left over at its end never moves."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your shards are n // size long. What becomes of the numbers at the end of the row when the ranks do not divide it?",
    "zh": "你的每一片长 n // size。rank 数除不尽时，行尾剩下的那些数怎么办？",
}
FAILS = ["test_sharded_adamw_takes_the_steps_of_adamw", "test_each_rank_keeps_its_share_of_the_state"]


class ShardedAdamW:
    def __init__(self, parameters, group, **hyper):
        self.parameters, self.group = list(parameters), group
        row = torch.cat([p.detach().flatten() for p in self.parameters])
        self.size = len(row) // group.size
        self.shard = nn.Parameter(row[group.rank * self.size :][: self.size].clone())
        self.optimizer = torch.optim.AdamW([self.shard], **hyper)

    def step(self):
        gradients = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters])[
            : self.size * self.group.size
        ]
        self.shard.grad = self.group.reduce_scatter(gradients) / self.group.size
        self.optimizer.step()
        row = torch.cat([p.detach().flatten() for p in self.parameters])
        row[: self.size * self.group.size] = self.group.all_gather(self.shard.detach())
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter).clone(), row[parameter.numel() :]
