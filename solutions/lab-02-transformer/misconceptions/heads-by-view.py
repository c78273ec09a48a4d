"""(B, T, d) is viewed as (B, H, T, D) at once: heads are made of pieces of different tokens."""

NOTEBOOK = "attention"
HINT = {
    "en": "You cut the width into heads with one view. In memory the tokens come one after another, so your heads mix pieces of different tokens.",
    "zh": "你用一个 view 就把宽度切成了头。内存里是一个 token 接一个 token 排的，所以你的头里混进了不同 token 的片段。",
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
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        shape = (x.shape[0], self.n_heads, -1, x.shape[-1] // self.n_heads)
        q, k, v = (f(y).reshape(shape) for f, y in ((self.q_proj, x), (self.k_proj, context), (self.v_proj, context)))
        heads = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(heads.reshape(x.shape))
