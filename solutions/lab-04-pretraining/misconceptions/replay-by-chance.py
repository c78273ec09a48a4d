"""Each row is replay with the chance `ratio`."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your rows are replay by chance: right on average over a long run, wrong in each short one.",
    "zh": "你的每一行以一定概率是回放：长期平均是对的，但每一小段都不准。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def next_batch(self):
        def row(source, number):
            epoch, position = divmod(number, len(source))
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            return source[torch.randperm(len(source), generator=generator)[position]]

        generator = torch.Generator().manual_seed(self.seed + 77 * (self.n_domain + self.n_replay))
        n_replay = int((torch.rand(self.batch_size, generator=generator) < self.ratio).sum())
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
