"""The minus of the negatives stands before the logarithm instead of inside the sigmoid."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You subtract log sigmoid(score) of the negatives. Is that the same as adding log sigmoid(-score)? Can your loss become negative?",
    "zh": "你对负样本减去 log sigmoid(分数)。这与加上 log sigmoid(-分数) 是一回事吗？你的损失会变成负数吗？",
}
FAILS = [
    "test_loss_and_its_gradients",
    "test_large_scores_stay_finite",
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)
    return -(F.logsigmoid(true_scores) - F.logsigmoid(false_scores).sum(-1)).mean()
