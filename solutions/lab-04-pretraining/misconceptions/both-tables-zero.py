"""Both tables begin with zeros, where every gradient is zero."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Both of your tables begin with zeros. What is the gradient of a product, when both factors are zero?",
    "zh": "你的两张表都从零开始。两个因子都为零时，乘积的梯度是多少？",
}
FAILS = [
    "test_each_word_is_looked_up_in_its_table",
    "test_words_that_share_their_company_come_together",
]


class SkipGram(SkipGram):
    def __init__(self, vocab_size, d_model):
        super().__init__(vocab_size, d_model)
        nn.init.zeros_(self.centre.weight)
