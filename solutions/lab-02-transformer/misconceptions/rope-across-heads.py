"""The whole width is turned as if it were one head."""

NOTEBOOK = "attention"
HINT = {
    "en": "You turn before the width is cut into heads, so that each head gets frequencies of its own.",
    "zh": "你在拆成多个头之前就旋转了，于是每个头分到的频率都不一样。",
}
FAILS = [
    "test_grouped_heads_agree_with_a_loop_over_heads",
    "test_mask_base_and_positions_are_used",
    "test_only_distances_count",
    "test_gradients_of_grouped_attention",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


class GroupedQueryAttention(GroupedQueryAttention):
    def forward(self, x, mask=None, positions=None):
        if positions is None:
            positions = torch.arange(x.shape[1])
        n = self.n_heads // self.n_kv_heads
        q = apply_rope(self.q_proj(x)[:, None], positions, self.rope_base)[:, 0]
        k = apply_rope(self.k_proj(x)[:, None], positions, self.rope_base)[:, 0]
        q = q.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        k = k.unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        v = self.v_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        heads = scaled_dot_product_attention(q, repeat_kv(k, n), repeat_kv(v, n), mask)
        return self.o_proj(heads.transpose(1, 2).flatten(2))
