"""The config's rope_base does not reach the attention."""

NOTEBOOK = "architectures"
HINT = {
    "en": "rope_base makes no difference to your Llama. Newer models have other bases than 10,000.",
    "zh": "rope_base 对你的 Llama 没有影响。较新的模型用的 base 并不是 10,000。",
}
FAILS = [
    "test_llama_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]


class LlamaLayer(LlamaLayer):
    def __init__(self, config):
        super().__init__(config)
        self.attention = attention.GroupedQueryAttention(config.d_model, config.n_heads, config.n_kv_heads)
