"""The temperature is checked, and then not used."""

HINT = {
    "en": "Your result is the same at every temperature.",
    "zh": "无论温度是多少，你的结果都一样。",
}
FAILS = ["test_probabilities_agree_with_the_formula"]


def probabilities(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("the temperature must be above 0")
    return torch.softmax(logits, -1)
