"""The power is taken of shares, and the result no longer sums to 1."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your shares summed to 1 before you took the power. What do they sum to after it?",
    "zh": "取幂之前，你的比例之和为 1。取幂之后呢？",
}
FAILS = [
    "test_noise_is_flatter_than_the_text",
]


def negative_distribution(counts, power=0.75):
    return (counts / counts.sum()) ** power
