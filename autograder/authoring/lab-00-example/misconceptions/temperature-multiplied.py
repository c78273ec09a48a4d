"""The logits are multiplied by the temperature."""

HINT = {
    "en": "You multiply by the temperature. Try a very small one: do the probabilities become sharper or flatter?",
    "zh": "你乘以了温度。试一个很小的温度：概率变尖锐了，还是变平了？",
}
FAILS = ["test_probabilities_agree_with_the_formula"]


def probabilities(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("the temperature must be above 0")
    return torch.softmax(logits * temperature, -1)
