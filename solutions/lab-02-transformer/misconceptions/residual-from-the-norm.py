"""In pre-norm the residual is the normalised vector instead of x itself."""

NOTEBOOK = "transformer"
HINT = {
    "en": "With pre_norm you add the part to the NORMALISED x. x itself has to pass through.",
    "zh": "pre_norm 时，你把子层的输出加到了归一化之后的 x 上。穿过去的应当是残差流本身。",
}
FAILS = ["test_pre_norm_encoder_layer", "test_gpt2_agrees_with_hugging_face"]


class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        if not self.pre_norm:
            return super().forward(x, mask)
        x = self.attention_norm(x)
        x = x + self.attention(x, mask=mask)
        x = self.feed_forward_norm(x)
        return x + self.feed_forward(x)
