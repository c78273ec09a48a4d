"""Positions count through the whole row."""

NOTEBOOK = "data"
HINT = {
    "en": "Your positions count through the row. A document in the middle should have the positions that it has alone.",
    "zh": "你的位置在整行里一路数下去。行中间的文档，位置应与它单独出现时一样。",
}
FAILS = [
    "test_packed_positions_begin_again",
]


def packed_positions(document):
    return torch.arange(document.shape[1]).expand_as(document).clone()
