"""The fused projection is read as one (q, k, v) per head, as some other models store it."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You read the columns of c_attn head by head, each with its own q, k and v. GPT-2 stores all queries, then all keys, then all values.",
    "zh": "你把 c_attn 的输出按头来切，每个头各带一份 q、k、v。GPT-2 的存法是：先是全部查询，再是全部键，最后是全部值。",
}
FAILS = [
    "test_logits_and_gradients_are_those_of_gpt2",
    "test_generated_tokens_follow_the_model",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


class CausalSelfAttention(CausalSelfAttention):
    def forward(self, x):
        q, k, v = self.c_attn(x).unflatten(-1, (self.n_heads, 3, -1)).permute(3, 0, 2, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(heads.transpose(1, 2).flatten(2))
