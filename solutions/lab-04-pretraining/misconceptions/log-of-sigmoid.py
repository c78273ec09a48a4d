"""log and sigmoid in two steps: sigmoid(-150) is 0 in float32."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "For a score of -150 your sigmoid is exactly 0, and its logarithm infinite.",
    "zh": "分数为 -150 时，你的 sigmoid 恰好等于 0，取对数就成了无穷。",
}
FAILS = [
    "test_large_scores_stay_finite",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)
    return -(torch.sigmoid(true_scores).log() + torch.sigmoid(-false_scores).log().sum(-1)).mean()
