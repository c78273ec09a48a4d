"""Both tables are left as nn.Embedding makes them: normal, with standard deviation 1."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Your tables begin as nn.Embedding makes them. How large are scores of two random vectors of 48 normal numbers, before anything is learnt?",
    "zh": "你的两张表用的是 nn.Embedding 的默认初值。两个由 48 个正态随机数组成的向量，还没学任何东西，点积会有多大？",
}
FAILS = [
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


class SkipGram(SkipGram):
    def __init__(self, vocab_size, d_model):
        super().__init__(vocab_size, d_model)
        self.centre, self.context = nn.Embedding(vocab_size, d_model), nn.Embedding(vocab_size, d_model)
