"""The K negatives of a pair are averaged instead of summed."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "With more negatives your loss stays as it was: you average over them. In eq. 4 each of the K counts fully.",
    "zh": "负样本再多，你的损失也不变：你对它们取了平均。式 4 里 K 个负样本每一个都完整计入。",
}
FAILS = [
    "test_loss_and_its_gradients",
    "test_large_scores_stay_finite",
    "test_each_word_is_looked_up_in_its_table",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)
    return -(F.logsigmoid(true_scores) + F.logsigmoid(-false_scores).mean(-1)).mean()
