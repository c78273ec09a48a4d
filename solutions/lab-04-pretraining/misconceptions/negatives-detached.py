"""The context vectors of the negatives get no gradient."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "No gradient reaches your negatives: they are never pushed away.",
    "zh": "你的负样本收不到梯度，永远不会被推开。",
}
FAILS = [
    "test_loss_and_its_gradients",
    "test_large_scores_stay_finite",
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives.detach()).sum(-1)
    return -(F.logsigmoid(true_scores) + F.logsigmoid(-false_scores).sum(-1)).mean()
