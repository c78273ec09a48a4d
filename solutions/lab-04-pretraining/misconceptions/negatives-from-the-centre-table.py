"""True neighbours are looked up in context, negatives in centre."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You look the negatives up in the table centre. A negative takes the place of the true neighbour: in which table is the true neighbour looked up?",
    "zh": "你的负样本是从 centre 表里查的。负样本顶替的是真邻词的位置，而真邻词在哪张表里查？",
}
FAILS = [
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


class SkipGram(SkipGram):
    def forward(self, centres, contexts, negatives):
        return sgns_loss(self.centre(centres), self.context(contexts), self.centre(negatives))
