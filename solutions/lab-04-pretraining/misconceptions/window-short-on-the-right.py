"""The slice on the right ends one word too early, as if its end were included."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your window reaches one word less to the right than to the left. Is the end of a slice part of it?",
    "zh": "你的窗口右边比左边少一个词。切片的终点包含在内吗？",
}
FAILS = [
    "test_pairs_are_those_of_the_window",
]


def skip_gram_pairs(ids, window):
    pairs = []
    for document in ids:
        words = document.tolist()
        for i, word in enumerate(words):
            neighbours = words[max(0, i - window) : i] + words[i + 1 : i + window]
            pairs += [(word, context) for context in neighbours]
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
