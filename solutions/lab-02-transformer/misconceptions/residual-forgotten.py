"""The feed-forward network replaces the stream instead of adding to it."""

NOTEBOOK = "transformer"
HINT = {
    "en": "After your feed-forward network, what the layer had before is gone.",
    "zh": "经过你的前馈网络之后，这一层原有的内容就没了。",
}
FAILS = [
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        if self.pre_norm:
            x = x + self.attention(self.attention_norm(x), mask=mask)
            return self.feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x + self.attention(x, mask=mask))
        return self.feed_forward_norm(self.feed_forward(x))
