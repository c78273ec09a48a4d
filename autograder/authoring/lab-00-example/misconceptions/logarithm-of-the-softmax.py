"""log(softmax(...)): the logarithm of a probability that is 0 in float32."""

HINT = {
    "en": "You take the logarithm of a softmax: where a probability is 0 in float32, the perplexity is infinite.",
    "zh": "你先算 softmax 再取对数：概率在 float32 里变成 0 时，困惑度就成了无穷大。",
}
FAILS = ["test_an_unlikely_token_has_a_finite_perplexity"]


def perplexity(logits, targets):
    p = logits.softmax(-1).gather(-1, targets[..., None])
    return (-p.log().mean()).exp().item()
