"""Only the source gets positions."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your source knows the order of its tokens, your target does not.",
    "zh": "你的源序列知道 token 的次序，目标序列却不知道。",
}
FAILS = ["test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(memory, visible)
        x = self.embedding(target) * math.sqrt(self.embedding.embedding_dim)
        causal = attention.causal_mask(target.shape[1], target.shape[1])
        for layer in self.decoder:
            x = layer(x, memory, causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
