"""GPT-2 is built with post-norm layers."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your GPT2 normalises after each part, like GPT-1 and BERT. GPT-2 moved the norm.",
    "zh": "你的 GPT2 像 GPT-1 和 BERT 那样，在每个子层之后做归一化。GPT-2 把归一化挪了位置。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def __init__(self, config):
        super().__init__(config)
        gelu = partial(F.gelu, approximate="tanh")
        self.layers = nn.ModuleList(
            transformer.EncoderLayer(config.d_model, config.n_heads, config.d_ff, gelu, False, config.eps)
            for _ in range(config.n_layers)
        )
