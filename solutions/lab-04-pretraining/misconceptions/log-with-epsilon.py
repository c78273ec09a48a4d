"""A small number is added to the sigmoid before the logarithm."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Whatever the score, your loss for one word never exceeds -log(epsilon), and a very wrong score has no gradient. Is there a log-sigmoid in one step?",
    "zh": "无论分数多离谱，你对一个词的损失都不超过 -log(epsilon)，而且错得越狠越没有梯度。有没有一步到位的 log-sigmoid？",
}
FAILS = [
    "test_large_scores_stay_finite",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)
    true_log, false_log = (torch.log(torch.sigmoid(x) + 1e-9) for x in (true_scores, -false_scores))
    return -(true_log + false_log.sum(-1)).mean()
