"""Every word is drawn alike, however often it comes."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "In your noise every word is equally likely. What are the counts for?",
    "zh": "在你的噪声里，每个词的概率都一样。那计数是做什么用的？",
}
FAILS = [
    "test_noise_is_flatter_than_the_text",
]


def negative_distribution(counts, power=0.75):
    return torch.full((len(counts),), 1 / len(counts))
