"""Only the words after the centre are its context."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your pairs look to one side only. Does the word before a word tell nothing about it?",
    "zh": "你的词对只看一边。一个词前面的词就什么也没说明吗？",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    pairs = [torch.empty(0, 2, dtype=torch.int64)]
    for document in ids:
        for distance in range(1, min(window, len(document) - 1) + 1):
            pairs.append(torch.stack([document[:-distance], document[distance:]], dim=1))
    return torch.cat(pairs)
