"""Centres are looked up in the context table, and contexts in the centre table."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You look the centre words up in the table context.",
    "zh": "你的中心词是从 context 表里查的。",
}
FAILS = [
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


class SkipGram(SkipGram):
    def forward(self, centres, contexts, negatives):
        return sgns_loss(self.context(centres), self.centre(contexts), self.centre(negatives))
