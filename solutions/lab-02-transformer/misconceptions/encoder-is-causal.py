"""The encoder has a causal mask as well."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your encoder reads with a causal mask. It does not write anything: it may see the whole source.",
    "zh": "你的编码器用了因果掩码。它什么都不生成，完全可以看到整个源序列。",
}
FAILS = ["test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(
                memory, attention.causal_mask(source.shape[1], source.shape[1]) & (True if visible is None else visible)
            )
        x = self._embed(target)
        causal = attention.causal_mask(target.shape[1], target.shape[1])
        for layer in self.decoder:
            x = layer(x, memory, causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
