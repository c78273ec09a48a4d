"""A row of nothing but minus infinity is left as NaN."""

NOTEBOOK = "attention"
HINT = {
    "en": "Where a query may see nothing, your softmax divides 0 by 0, and the NaN spreads.",
    "zh": "当某个查询什么都不能看时，你的 softmax 算的是 0 除以 0，NaN 会一路传下去。",
}
FAILS = ["test_a_query_that_may_see_nothing_gets_zeros"]


def attention_weights(q, k, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
