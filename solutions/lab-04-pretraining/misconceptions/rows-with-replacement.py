"""Rows are drawn with replacement."""

NOTEBOOK = "continued"
HINT = {
    "en": "You draw each row independently of the others: some come twice before others have come once.",
    "zh": "你每一行都重新抽：有的行还没出现过，有的已经出现两次了。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def next_batch(self):
        def row(source, number):
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + number)
            return source[torch.randint(len(source), (), generator=generator)]

        n_rows = self.n_domain + self.n_replay + self.batch_size
        n_replay = math.floor(self.ratio * n_rows + 0.5) - self.n_replay
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
