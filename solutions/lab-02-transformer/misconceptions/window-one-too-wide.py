"""A token sees itself and `window` tokens before it."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your window is one token too wide: the token itself counts, too.",
    "zh": "你的窗口宽了一个 token：token 自己也算在内。",
}
FAILS = ["test_mixtral_agrees_with_hugging_face"]


class MistralMoE(MistralMoE):
    def forward(self, ids):
        mask = attention.causal_mask(ids.shape[1], ids.shape[1])
        if self.config.window is not None:
            mask = mask.triu(-self.config.window)
        x = self.token_embedding(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x))
