"""Each row is replay with the chance `ratio`."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your rows are replay by chance: right on average over a long run, wrong in each short one.",
    "zh": "你的每一行以一定概率是回放：长期平均是对的，但每一小段都不准。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]
EDIT = (
    "ReplayBatches.next_batch",
    "n_rows = self.n_domain + self.n_replay + self.batch_size\n"
    "        n_replay = math.floor(self.ratio * n_rows + 0.5) - self.n_replay",
    "generator = torch.Generator().manual_seed(self.seed + 77 * (self.n_domain + self.n_replay))\n"
    "        n_replay = int((torch.rand(self.batch_size, generator=generator) < self.ratio).sum())",
)
