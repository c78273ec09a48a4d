"""All documents are one text, and windows reach from one into the next."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "The last word of a document is paired with the first of the next one. They only happen to be neighbours in your list.",
    "zh": "一个文档的最后一个词与下一个文档的第一个词配成了对。它们只是碰巧在你的列表里相邻。",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    text = torch.cat(ids)
    pairs = [torch.empty(0, 2, dtype=torch.int64)]
    for distance in range(1, min(window, len(text) - 1) + 1):
        before, after = text[:-distance], text[distance:]
        pairs += [torch.stack([before, after], dim=1), torch.stack([after, before], dim=1)]
    return torch.cat(pairs)
