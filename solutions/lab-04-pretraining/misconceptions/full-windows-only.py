"""Only words with a full window on both sides are centres."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Words near the beginning or the end of a document are no centres in your pairs. Their window is smaller, not missing.",
    "zh": "文档开头和结尾附近的词没有成为中心词。它们的窗口只是小一些，并不是没有。",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    pairs = []
    for document in ids:
        words = document.tolist()
        for i in range(window, len(words) - window):
            pairs += [(words[i], words[j]) for j in range(i - window, i + window + 1) if j != i]
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
