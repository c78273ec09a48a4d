"""`ratio` of the rows are from the domain."""

NOTEBOOK = "continued"
HINT = {
    "en": "You have the shares the wrong way round: `ratio` is that of the replay.",
    "zh": "你把两边的份额弄反了：`ratio` 是回放所占的份额。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay", "test_the_updates_are_those_asked_for"]


class ReplayBatches(ReplayBatches):
    def next_batch(self):
        def row(source, number):
            epoch, position = divmod(number, len(source))
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            return source[torch.randperm(len(source), generator=generator)[position]]

        n_rows = self.n_domain + self.n_replay + self.batch_size
        n_replay = math.floor((1 - self.ratio) * n_rows + 0.5) - self.n_replay
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
