"""2 to the power of a mean in nats."""

HINT = {
    "en": "You raise 2 to a mean of natural logarithms. Base and logarithm must fit together.",
    "zh": "你用 2 作底，而平均值用的是自然对数。底数和对数要一致。",
}
FAILS = ["test_perplexity_agrees_with_the_formula", "test_an_unlikely_token_has_a_finite_perplexity"]


def perplexity(logits, targets):
    return 2 ** F.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
