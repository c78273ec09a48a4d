"""Only the queries are turned."""

NOTEBOOK = "attention"
HINT = {
    "en": "You turn one side of the comparison only. Then the score depends on where the query stands, not on the distance.",
    "zh": "你只旋转了比较的一方。这样分数取决于查询所在的位置，而不是距离。",
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
        q = self.q_proj(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        k = self.k_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        v = self.v_proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        q = apply_rope(q, positions, self.rope_base)
        heads = scaled_dot_product_attention(q, repeat_kv(k, n), repeat_kv(v, n), mask)
        return self.o_proj(heads.transpose(1, 2).flatten(2))
