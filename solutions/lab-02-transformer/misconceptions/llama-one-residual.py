"""Attention and feed-forward share one residual connection."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your feed-forward network adds to what the attention said, and the stream is added only at the end of the layer... once. Each part has a residual connection of its own.",
    "zh": "你的前馈网络接在注意力的输出上，残差流到层末才加回来一次。每个子层都应有自己的残差连接。",
}
FAILS = [
    "test_llama_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]


class LlamaLayer(LlamaLayer):
    def forward(self, x, mask):
        y = self.attention(self.attention_norm(x), mask)
        return x + self.feed_forward(self.feed_forward_norm(y))
