"""The layers of BERT keep their default epsilon."""

NOTEBOOK = "architectures"
HINT = {
    "en": "The norms inside your Bert's layers do not get the config's eps.",
    "zh": "你的 Bert 各层里的归一化没有用上配置中的 eps。",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(
            transformer.EncoderLayer(config.d_model, config.n_heads, config.d_ff, F.gelu)
            for _ in range(config.n_layers)
        )
