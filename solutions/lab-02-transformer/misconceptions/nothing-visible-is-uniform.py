"""Hidden scores become -1e9, so that a query that may see nothing attends to everything alike."""

NOTEBOOK = "attention"
HINT = {
    "en": "A large negative number stands in for minus infinity in your code. Where ALL scores are that number, what does the softmax make of equal scores?",
    "zh": "你用一个很大的负数代替负无穷。如果所有分数都是这个数，softmax 面对一排相等的分数会给出什么？",
}
FAILS = ["test_a_query_that_may_see_nothing_gets_zeros"]


def attention_weights(q, k, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)
