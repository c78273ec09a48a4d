"""One softmax over the whole width: the layer has a single head."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your n_heads makes no difference: queries and keys are compared over the whole width at once.",
    "zh": "你的 n_heads 不起作用：查询和键是在整个宽度上一次比较的。",
}
FAILS = [
    "test_self_attention_is_that_of_each_head",
    "test_cross_attention_reads_the_context",
    "test_the_mask_reaches_every_head",
    "test_gradients_reach_both_inputs_and_all_projections",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        q, k, v = (y[:, None] for y in (self.q_proj(x), self.k_proj(context), self.v_proj(context)))
        if mask is not None and mask.dim() == 4:
            mask = mask[:, :1]
        return self.o_proj(scaled_dot_product_attention(q, k, v, mask)[:, 0])
