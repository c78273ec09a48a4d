"""Negatives are drawn in proportion to the counts themselves."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your noise follows the text itself: the power is not used.",
    "zh": "你的噪声与原文比例完全一致：没有用到幂次。",
}
FAILS = [
    "test_noise_is_flatter_than_the_text",
]


def negative_distribution(counts, power=0.75):
    return counts / counts.sum()
