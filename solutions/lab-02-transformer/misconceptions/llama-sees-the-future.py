"""Llama's attention gets no mask."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your LlamaLayer does not hand the mask to its attention: each token sees those after it.",
    "zh": "你的 LlamaLayer 没有把掩码交给注意力：每个 token 都能看到后面的内容。",
}
FAILS = [
    "test_llama_agrees_with_hugging_face",
    "test_llama_does_not_see_the_future",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]


class LlamaLayer(LlamaLayer):
    def forward(self, x, mask):
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))
