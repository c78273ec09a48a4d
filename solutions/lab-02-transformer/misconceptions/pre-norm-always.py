"""The norm always stands before the part, whatever pre_norm says."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your layer is pre-norm even when pre_norm is False.",
    "zh": "即使 pre_norm 为 False，你的层也还是 pre-norm。",
}
FAILS = [
    "test_post_norm_encoder_layer",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
]


class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.attention(self.attention_norm(x), mask=mask)
        return x + self.feed_forward(self.feed_forward_norm(x))
