"""from_hf expects lm_head.weight, which the file of a tied model does not have."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your from_hf has nothing for head.weight when the file has no lm_head.weight. What is a tied head?",
    "zh": "文件里没有 lm_head.weight 时，你的 from_hf 就给不出 head.weight。共享的输出头是什么？",
}
FAILS = ["test_the_tied_head_of_a_small_smollm2"]


class Llama(Llama):
    def from_hf(self, state_dict):
        names = {
            "model.embed_tokens": "token_embedding",
            "model.layers.": "layers.",
            "model.norm": "norm",
            "lm_head": "head",
            "self_attn": "attention",
            "mlp": "feed_forward",
            "input_layernorm": "attention_norm",
            "post_attention_layernorm": "feed_forward_norm",
        }
        return {renamed(name, names): value for name, value in state_dict.items()}
