"""Each batch by itself has ratio * batch_size replay rows, rounded."""

NOTEBOOK = "continued"
HINT = {
    "en": "You round in each batch. With batches of four and a twelfth of replay there is then never any replay.",
    "zh": "你在每一批里各自取整。每批 4 行、回放占十二分之一时，就永远没有回放了。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def next_batch(self):
        def row(source, number):
            epoch, position = divmod(number, len(source))
            generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
            return source[torch.randperm(len(source), generator=generator)[position]]

        n_replay = round(self.ratio * self.batch_size)
        n_domain = self.batch_size - n_replay
        rows = [row(self.replay, self.n_replay + i) for i in range(n_replay)]
        rows += [row(self.domain, self.n_domain + i) for i in range(n_domain)]
        self.n_domain, self.n_replay = self.n_domain + n_domain, self.n_replay + n_replay
        batch = torch.stack(rows)
        return batch[:, :-1], batch[:, 1:]
