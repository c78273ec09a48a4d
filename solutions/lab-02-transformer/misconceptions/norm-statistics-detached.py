"""Mean and variance are computed without a graph."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your mean and variance are constants to autograd. They depend on x as well.",
    "zh": "在 autograd 看来，你的均值和方差是常数。可它们也依赖于 x。",
}
FAILS = [
    "test_gradients_through_the_norms",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_gpt2_agrees_with_hugging_face",
]


class LayerNorm(LayerNorm):
    def forward(self, x):
        mean, variance = x.detach().mean(-1, keepdim=True), x.detach().var(-1, keepdim=True, unbiased=False)
        return (x - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias
