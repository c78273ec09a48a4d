"""The sum of embedding and position is multiplied by sqrt(d_model)."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You multiply the positions as well. The factor belongs to the embedding alone.",
    "zh": "你把位置也一起乘了。这个因子只属于嵌入。",
}
FAILS = ["test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(memory, visible)
        x = self._embed(target)
        causal = attention.causal_mask(target.shape[1], target.shape[1])
        for layer in self.decoder:
            x = layer(x, memory, causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return (self.embedding(ids) + sinusoidal_positions(ids.shape[1], d_model)) * math.sqrt(d_model)
