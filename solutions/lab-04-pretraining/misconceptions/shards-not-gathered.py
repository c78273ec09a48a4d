"""Each rank updates its own part of the parameters, and never gets the others' parts."""

NOTEBOOK = "parallel"
HINT = {
    "en": "After your step each rank has new values in its own part only. Who tells it the rest?",
    "zh": "走完一步，每个 rank 只有自己那一段是新的。其余的由谁告诉它？",
}
FAILS = ["test_sharded_adamw_takes_the_steps_of_adamw"]


class ShardedAdamW(ShardedAdamW):
    def step(self):
        gradients = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters])
        gradients = F.pad(gradients, (0, -len(gradients) % self.group.size))
        self.shard.grad = self.group.reduce_scatter(gradients) / self.group.size
        self.optimizer.step()
        row = torch.cat([p.detach().flatten() for p in self.parameters])
        row = F.pad(row, (0, -len(row) % self.group.size))
        row.chunk(self.group.size)[self.group.rank].copy_(self.shard.detach())
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter).clone(), row[parameter.numel() :]
