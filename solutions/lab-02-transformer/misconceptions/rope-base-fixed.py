"""The base is always 10,000."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your rope_base makes no difference to the output.",
    "zh": "你的 rope_base 对输出没有任何影响。",
}
FAILS = [
    "test_mask_base_and_positions_are_used",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


class GroupedQueryAttention(GroupedQueryAttention):
    def forward(self, x, mask=None, positions=None):
        if positions is None:
            positions = torch.arange(x.shape[1])
        n = self.n_heads // self.n_kv_heads
        q = self.q_proj(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        k = self.k_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        v = self.v_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        q, k = apply_rope(q, positions), apply_rope(k, positions)
        heads = scaled_dot_product_attention(q, repeat_kv(k, n), repeat_kv(v, n), mask)
        return self.o_proj(heads.transpose(1, 2).flatten(2))
