"""The decoder reads the embeddings of the source, not the output of the encoder."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your decoder reads the source as it was before the encoder.",
    "zh": "你的解码器读的是进编码器之前的源序列。",
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
            x = layer(x, self._embed(source), causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
