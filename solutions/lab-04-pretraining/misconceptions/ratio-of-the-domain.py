"""`ratio` of the rows are from the domain."""

NOTEBOOK = "continued"
HINT = {
    "en": "You have the shares the wrong way round: `ratio` is that of the replay.",
    "zh": "你把两边的份额弄反了：`ratio` 是回放所占的份额。",
}
FAILS = ["test_every_prefix_has_its_share_of_replay", "test_the_updates_are_those_asked_for"]
EDIT = ("ReplayBatches.next_batch", "self.ratio", "(1 - self.ratio)")
