"""The norms of Llama's layers keep their default epsilon."""

NOTEBOOK = "architectures"
HINT = {
    "en": "The norms inside your LlamaLayer do not get the config's eps.",
    "zh": "你的 LlamaLayer 里的归一化没有用上配置中的 eps。",
}
FAILS = [
    "test_llama_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]


class LlamaLayer(LlamaLayer):
    def __init__(self, config):
        super().__init__(config)
        self.attention_norm = transformer.RMSNorm(config.d_model)
        self.feed_forward_norm = transformer.RMSNorm(config.d_model)
