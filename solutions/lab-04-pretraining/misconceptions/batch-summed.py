"""The loss is summed over the batch."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your loss grows with the batch: the same pair twice costs twice as much.",
    "zh": "批越大，你的损失就越大：同一对词出现两次，损失就翻倍。",
}
FAILS = [
    "test_loss_and_its_gradients",
    "test_large_scores_stay_finite",
    "test_each_word_is_looked_up_in_its_table",
]


def sgns_loss(centre, positive, negatives):
    true_scores = (centre * positive).sum(-1)
    false_scores = (centre.unsqueeze(1) * negatives).sum(-1)
    return -(F.logsigmoid(true_scores) + F.logsigmoid(-false_scores).sum(-1)).sum()
