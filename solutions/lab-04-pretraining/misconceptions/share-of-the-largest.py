"""A word's share is measured against the most frequent word instead of the whole text."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You divide a word's count by the largest count. The share f is of the whole text.",
    "zh": "你用最大的计数去除。比例 f 是占全文的比例。",
}
FAILS = [
    "test_frequent_words_are_kept_less_often",
]


def keep_probability(counts, threshold=1e-3):
    return (threshold / (counts / counts.max())).sqrt().clamp(max=1.0)
