"""Rare words get a probability above 1."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Some of your probabilities are larger than 1.",
    "zh": "你算出的概率有的大于 1。",
}
FAILS = [
    "test_frequent_words_are_kept_less_often",
]


def keep_probability(counts, threshold=1e-3):
    return (threshold / (counts / counts.sum())).sqrt()
