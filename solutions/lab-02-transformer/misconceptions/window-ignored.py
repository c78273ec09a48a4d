"""The sliding window is not applied."""

NOTEBOOK = "architectures"
HINT = {
    "en": "config.window makes no difference to your model: a token sees all that came before it.",
    "zh": "config.window 对你的模型没有影响：一个 token 看到了它前面的全部内容。",
}
FAILS = ["test_mixtral_agrees_with_hugging_face"]


class MistralMoE(MistralMoE):
    def forward(self, ids):
        mask = attention.causal_mask(ids.shape[1], ids.shape[1])
        x = self.token_embedding(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x))
