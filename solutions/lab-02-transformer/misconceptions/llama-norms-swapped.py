"""post_attention_layernorm is taken for the attention's norm, and input_layernorm for the other."""

NOTEBOOK = "architectures"
HINT = {
    "en": "The two norms of your layers have changed places. Hugging Face's post_attention_layernorm stands after the attention: before what?",
    "zh": "你每一层的两个归一化对调了。Hugging Face 的 post_attention_layernorm 在注意力之后，那么它是在谁之前？",
}
FAILS = ["test_llama_agrees_with_hugging_face", "test_the_tied_head_of_a_small_smollm2"]


class Llama(Llama):
    def from_hf(self, state_dict):
        swap = {"attention_norm": "feed_forward_norm", "feed_forward_norm": "attention_norm"}
        ours = {}
        for name, value in super().from_hf(state_dict).items():
            kind = next((norm for norm in swap if norm in name), None)
            ours[name.replace(kind, swap[kind]) if kind else name] = value
        return ours
