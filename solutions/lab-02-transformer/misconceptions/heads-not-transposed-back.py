"""The heads are reshaped to (B, T, d) without moving the axis of heads back."""

NOTEBOOK = "attention"
HINT = {
    "en": "On the way back you reshape (B, H, T, D) directly. The axis of heads has to go next to D first.",
    "zh": "还原时你直接对 (B, H, T, D) 做 reshape。应当先把头那一维移回到 D 旁边。",
}
FAILS = [
    "test_self_attention_is_that_of_each_head",
    "test_cross_attention_reads_the_context",
    "test_the_mask_reaches_every_head",
    "test_the_past_does_not_feel_a_change_of_the_future",
    "test_gradients_reach_both_inputs_and_all_projections",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context

        def split(y):
            return y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(context)), split(self.v_proj(context))
        heads = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(heads.reshape(x.shape))
