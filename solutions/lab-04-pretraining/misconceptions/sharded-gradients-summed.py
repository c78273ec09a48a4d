"""reduce_scatter gives the sum, and it is taken for the mean."""

NOTEBOOK = "parallel"
HINT = {
    "en": "reduce_scatter gives a sum. Adam hides that almost completely, since it divides by the size of the gradient, but epsilon shows it.",
    "zh": "reduce_scatter 得到的是和。Adam 会除以梯度的大小，几乎把这个错误掩盖了，但 epsilon 会让它现形。",
}
FAILS = ["test_sharded_adamw_takes_the_steps_of_adamw", "test_each_rank_keeps_its_share_of_the_state"]


class ShardedAdamW(ShardedAdamW):
    def step(self):
        gradients = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.parameters])
        gradients = F.pad(gradients, (0, -len(gradients) % self.group.size))
        self.shard.grad = self.group.reduce_scatter(gradients)
        self.optimizer.step()
        row = self.group.all_gather(self.shard.detach())
        for parameter in self.parameters:
            parameter.data, row = row[: parameter.numel()].view_as(parameter).clone(), row[parameter.numel() :]
