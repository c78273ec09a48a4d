"""The exponentials of the logits themselves: they overflow."""

HINT = {
    "en": "You take exp of the logits as they are. Subtract their maximum first: the result is the same, and finite.",
    "zh": "你直接对 logits 取了 exp。先减去最大值：结果不变，而且不会溢出。",
}
FAILS = ["test_large_logits_stay_finite"]


def probabilities(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("the temperature must be above 0")
    weights = (logits / temperature).exp()
    return weights / weights.sum(-1, keepdim=True)
