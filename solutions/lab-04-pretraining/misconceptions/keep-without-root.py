"""The threshold over the share, without the square root."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You keep frequent words far too seldom: something is missing around threshold / share.",
    "zh": "你把高频词丢得太多了：threshold / share 外面还少了一步。",
}
FAILS = [
    "test_frequent_words_are_kept_less_often",
]


def keep_probability(counts, threshold=1e-3):
    return (threshold / (counts / counts.sum())).clamp(max=1.0)
