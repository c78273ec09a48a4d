"""The feed-forward network has no nonlinearity: two linear maps are one."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your feed-forward network is linear. Two matrices in a row are one matrix.",
    "zh": "你的前馈网络是线性的。两个矩阵连乘，还是一个矩阵。",
}
FAILS = [
    "test_feed_forward",
    "test_feed_forward_has_the_activation_that_it_is_given",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class FeedForward(FeedForward):
    def forward(self, x):
        return self.down_proj(self.up_proj(x))
