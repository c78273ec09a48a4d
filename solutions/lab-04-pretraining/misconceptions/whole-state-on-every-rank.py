"""Every rank runs AdamW over the whole row: right steps, and nothing is saved."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your steps are right, but every rank keeps the state of all parameters. Then what is sharded?",
    "zh": "你的更新是对的，但每个 rank 都保存了全部参数的状态。那切片切的是什么？",
}
FAILS = ["test_each_rank_keeps_its_share_of_the_state"]


class ShardedAdamW:
    def __init__(self, parameters, group, **hyper):
        self.parameters, self.group = list(parameters), group
        self.shard = nn.Parameter(torch.cat([p.detach().flatten() for p in self.parameters]))
        self.optimizer = torch.optim.AdamW([self.shard], **hyper)

    def step(self):
        gradients = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters])
        self.shard.grad = self.group.all_reduce(gradients) / self.group.size
        self.optimizer.step()
        row = self.shard.detach()
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter).clone(), row[parameter.numel() :]
