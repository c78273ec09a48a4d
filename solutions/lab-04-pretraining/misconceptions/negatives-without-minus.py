"""The scores of the negatives have no minus inside the sigmoid, so they are pulled in as the true neighbours are."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your loss rewards large scores for the negatives, too. Its optimum would be to make all vectors equal.",
    "zh": "你的损失对负样本也奖励高分。让所有向量都一样，就是它的最优解。",
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
    return -(F.logsigmoid(true_scores) + F.logsigmoid(false_scores).sum(-1)).mean()
