"""Each batch by itself has ratio * batch_size replay rows, rounded."""

NOTEBOOK = "continued"
HINT = {
    "en": "You round in each batch. With batches of four and a twelfth of replay there is then never any replay.",
    "zh": "你在每一批里各自取整。每批 4 行、回放占十二分之一时，就永远没有回放了。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]
EDIT = (
    "ReplayBatches.next_batch",
    "n_rows = self.n_domain + self.n_replay + self.batch_size\n"
    "        n_replay = math.floor(self.ratio * n_rows + 0.5) - self.n_replay",
    "n_replay = round(self.ratio * self.batch_size)",
)
