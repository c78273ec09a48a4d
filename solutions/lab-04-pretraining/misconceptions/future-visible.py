"""The attention has no causal mask."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Change the last token of a text, and your logits for the first one change. A model that reads the answer learns nothing but to copy it.",
    "zh": "改动文本的最后一个 token，你第一个 token 的 logits 就变了。能看到答案的模型，学会的只是抄答案。",
}
FAILS = [
    "test_logits_and_gradients_are_those_of_gpt2",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


class CausalSelfAttention(CausalSelfAttention):
    def forward(self, x):
        q, k, v = self.c_attn(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.c_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
