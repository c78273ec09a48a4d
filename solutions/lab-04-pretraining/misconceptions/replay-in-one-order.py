"""Each epoch has the order of the first."""

NOTEBOOK = "continued"
HINT = {
    "en": "Each of your epochs has the same order: the rows of a batch always meet again.",
    "zh": "你的每一遍次序都一样：同一个 batch 里的行总是再次碰到一起。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def row(self, source, number):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed)
        return source[torch.randperm(len(source), generator=generator)[number % len(source)]]
