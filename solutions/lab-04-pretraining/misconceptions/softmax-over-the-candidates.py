"""The true neighbour competes with its negatives in a softmax (a sampled softmax, another loss)."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You let the true neighbour and its negatives share one softmax. Here each of the K + 1 words is a question of its own: real or drawn?",
    "zh": "你让真邻词和负样本在同一个 softmax 里竞争。这里 K + 1 个词各是一道独立的判断题：真的，还是抽来的？",
}
FAILS = [
    "test_loss_and_its_gradients",
    "test_large_scores_stay_finite",
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


def sgns_loss(centre, positive, negatives):
    words = torch.cat([positive.unsqueeze(1), negatives], dim=1)
    scores = (centre.unsqueeze(1) * words).sum(-1)
    return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64))
