"""The norm always stands after the part, whatever pre_norm says."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your layer normalises the sum even with pre_norm=True, so x does not pass through unchanged.",
    "zh": "pre_norm=True 时，你的层仍然对和做归一化：残差流没能原封不动地穿过去。",
}
FAILS = ["test_pre_norm_encoder_layer", "test_gpt2_agrees_with_hugging_face"]


class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.attention_norm(x + self.attention(x, mask=mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
