"""The mean of each row's perplexity."""

HINT = {
    "en": "You take exp for each row and then the mean. Take the mean over all tokens first, then exp once.",
    "zh": "你先对每一行取 exp 再平均。应当先对所有 token 取平均，最后取一次 exp。",
}
FAILS = ["test_perplexity_agrees_with_the_formula"]


def perplexity(logits, targets):
    log_p = logits.log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1)
    return (-log_p.mean(-1)).exp().mean().item()
