"""The probabilities sum to 1 over the first axis."""

HINT = {
    "en": "Your probabilities add up to 1 over the first axis. Which axis holds the vocabulary?",
    "zh": "你的概率沿第一个维度之和为 1。词表在哪个维度上？",
}
FAILS = ["test_probabilities_agree_with_the_formula", "test_large_logits_stay_finite"]


def probabilities(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("the temperature must be above 0")
    return torch.softmax(logits / temperature, 0)
