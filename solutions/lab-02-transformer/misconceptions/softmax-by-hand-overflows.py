"""exp(x) / sum(exp(x)) without taking off the maximum: large scores overflow."""

NOTEBOOK = "attention"
HINT = {
    "en": "exp of a score of 100 is more than float32 can hold. What may you subtract from all scores of a row without changing the weights?",
    "zh": "分数到 100 时，exp 就超出了 float32 的范围。可以从一行的所有分数里减去什么，而不改变权重？",
}
FAILS = ["test_output_agrees_with_pytorch_in_float64"]


def attention_weights(q, k, mask=None):
    exponents = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).exp()
    if mask is not None:
        exponents = exponents * mask
    return exponents / exponents.sum(-1, keepdim=True).clamp(min=1e-30)
