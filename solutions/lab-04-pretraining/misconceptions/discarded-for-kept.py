"""Returned is the probability to discard a word, which the paper gives."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your frequent words come out as the likeliest to be kept. The paper's formula is the probability to discard.",
    "zh": "你的结果里，越常见的词保留概率越大。论文的公式给的是丢弃的概率。",
}
FAILS = [
    "test_frequent_words_are_kept_less_often",
]


def keep_probability(counts, threshold=1e-3):
    share = counts / counts.sum()
    return (1 - (threshold / share).sqrt()).clamp(min=0.0)
