"""A document that is cut by a row's end goes on counting in the next row."""

NOTEBOOK = "data"
HINT = {
    "en": "Where a document continues in the next row, your positions go on counting. The tokens before cannot be seen there: each row begins at 0.",
    "zh": "文档在下一行继续时，你接着往下数了。可前面那些在这一行里看不见：每行都从 0 开始。",
}
FAILS = [
    "test_packed_positions_begin_again",
]


def packed_positions(document):
    counts, positions = Counter(), []
    for index in document.flatten().tolist():
        positions.append(counts[index])
        counts[index] += 1
    return torch.tensor(positions).view_as(document)
