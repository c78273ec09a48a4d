"""BERT is built with pre-norm layers."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your Bert normalises before each part. BERT is of 2018: where did the norm stand then?",
    "zh": "你的 Bert 在每个子层之前做归一化。BERT 是 2018 年的，那时归一化放在哪里？",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(
            transformer.EncoderLayer(config.d_model, config.n_heads, config.d_ff, F.gelu, True, config.eps)
            for _ in range(config.n_layers)
        )
