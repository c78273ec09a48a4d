"""Only negative temperatures are refused."""

HINT = {
    "en": "A temperature of 0 divides by zero, and you accept it.",
    "zh": "温度为 0 会除以零，而你没有拒绝它。",
}
FAILS = ["test_a_temperature_of_zero_or_below_is_refused"]


def probabilities(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError("the temperature must be above 0")
    return torch.softmax(logits / temperature, -1)
