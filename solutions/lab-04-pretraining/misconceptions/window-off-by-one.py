"""The window is one word too short on both sides: range(1, window)."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your window is one word too short. Which distances does range(1, window) give for window = 1?",
    "zh": "你的窗口短了一个词。window = 1 时，range(1, window) 给出哪些距离？",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    pairs = [torch.empty(0, 2, dtype=torch.int64)]
    for document in ids:
        for distance in range(1, min(window, len(document))):
            before, after = document[:-distance], document[distance:]
            pairs += [torch.stack([before, after], dim=1), torch.stack([after, before], dim=1)]
    return torch.cat(pairs)
