"""Centres and contexts are looked up in the same table."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your model looks all words up in one table; the other never learns.",
    "zh": "你的模型把所有词都放在同一张表里查，另一张表从没学到东西。",
}
FAILS = [
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]
EDIT = ("SkipGram.forward", "context(contexts), self.context", "centre(contexts), self.centre")
