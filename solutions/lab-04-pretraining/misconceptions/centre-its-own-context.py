"""The window includes its centre, so that every word is paired with itself."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Every word is its own context in your pairs. What would the model learn from that?",
    "zh": "在你的词对里，每个词都是自己的上下文。模型能从中学到什么？",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    pairs = []
    for document in ids:
        words = document.tolist()
        for i, word in enumerate(words):
            pairs += [(word, context) for context in words[max(0, i - window) : i + window + 1]]
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
