"""The scores are not divided by sqrt(d)."""

HINT = {"en": "Your scores grow with the size of the heads.", "zh": "你的注意力分数会随头的维度增大。"}
FAILS = ["test_attention_values", "test_attention_gradient"]


def attention(q, k, v):
    return softmax(q @ k.T, -1) @ v
