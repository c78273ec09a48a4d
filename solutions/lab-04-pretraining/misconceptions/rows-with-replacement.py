"""Rows are drawn with replacement."""

NOTEBOOK = "continued"
HINT = {
    "en": "You draw each row anew: some come twice before others have come at all.",
    "zh": "你每一行都重新抽：有的行还没出现过，有的已经出现两次了。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay"]


class ReplayBatches(ReplayBatches):
    def row(self, source, number):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + number)
        return source[torch.randint(len(source), (), generator=generator)]
