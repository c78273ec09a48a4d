"""GPT-2 gets no causal mask."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your GPT2 has no causal mask: each token sees those after it.",
    "zh": "你的 GPT2 没有因果掩码：每个 token 都能看到后面的内容。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def forward(self, ids):
        x = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.token_embedding.weight.T
