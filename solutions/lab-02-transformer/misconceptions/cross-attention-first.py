"""Cross-attention comes before self-attention."""

NOTEBOOK = "transformer"
HINT = {
    "en": "The parts of your decoder layer do not come in the order of figure 1 of the paper.",
    "zh": "你的解码器层里，各子层的次序与论文图 1 不同。",
}
FAILS = ["test_decoder_layer", "test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        x = self.cross_attention_norm(x + self.cross_attention(x, memory, memory_mask))
        x = self.self_attention_norm(x + self.self_attention(x, mask=mask))
        return self.feed_forward_norm(x + self.feed_forward(x))
