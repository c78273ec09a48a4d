"""MultiHeadAttention takes a mask and does not hand it on: padding and future are attended."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your layer takes the mask and does nothing with it, so padding and future are attended like the rest.",
    "zh": "你的层收下了掩码却没有使用，于是填充和未来的 token 都照看不误。",
}
FAILS = [
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
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        return super().forward(x, context)
