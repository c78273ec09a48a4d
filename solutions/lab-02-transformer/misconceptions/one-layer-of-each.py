"""Every layer gets the embeddings again, so that only the last one counts."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Each of your encoder layers starts from the embeddings again: only the last one has an effect.",
    "zh": "你的每个编码器层都重新从嵌入开始：只有最后一层起作用。",
}
FAILS = ["test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(self._embed(source), visible)
        x = self._embed(target)
        causal = attention.causal_mask(target.shape[1], target.shape[1])
        for layer in self.decoder:
            x = layer(x, memory, causal, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
