"""Attention and feed-forward share one residual connection."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your layer has one residual connection: the feed-forward network reads only what the attention gave, and the stream is added once, at the end. Each part has a residual connection of its own.",
    "zh": "你的层里只有一处残差连接：前馈网络读到的只是注意力的输出，残差流到层末才加回来一次。每个子层都应有自己的残差连接。",
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
