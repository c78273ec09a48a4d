"""Each rank steps its shard with its own gradients; no rank sees the others' examples."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Each of your shards is stepped with the gradients of one rank only. Who looks at the examples of the others?",
    "zh": "你的每一片只用了一个 rank 的梯度。其他 rank 的样本谁来管？",
}
FAILS = ["test_sharded_adamw_takes_the_steps_of_adamw", "test_each_rank_keeps_its_share_of_the_state"]


class ShardedAdamW(ShardedAdamW):
    def step(self):
        gradients = torch.cat([p.grad.flatten() for p in self.parameters])
        gradients = F.pad(gradients, (0, -len(gradients) % self.group.size))
        self.shard.grad = gradients.chunk(self.group.size)[self.group.rank].clone()
        self.optimizer.step()
        row = self.group.all_gather(self.shard.detach())
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter).clone(), row[parameter.numel() :]
