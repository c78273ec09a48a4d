"""GPT-2 gets the exact GELU."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your GPT2 uses the exact GELU. GPT-2 was trained with the tanh approximation.",
    "zh": "你的 GPT2 用了精确的 GELU。GPT-2 训练时用的是 tanh 近似。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.layers:
            layer.feed_forward = transformer.FeedForward(config.d_model, config.d_ff, F.gelu)
