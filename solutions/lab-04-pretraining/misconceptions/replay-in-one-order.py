"""Each epoch has the order of the first."""

NOTEBOOK = "continued"
HINT = {
    "en": "Each of your epochs has the same order: the rows of a batch always meet again.",
    "zh": "你的每一遍次序都一样：同一批里的行总是再次碰到一起。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def next_batch(self):
        def row(source, number):
            generator = torch.Generator().manual_seed(1_000_003 * self.seed)
            return source[torch.randperm(len(source), generator=generator)[number % len(source)]]

        n_rows = self.n_domain + self.n_replay + self.batch_size
        n_replay = math.floor(self.ratio * n_rows + 0.5) - self.n_replay
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
