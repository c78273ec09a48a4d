"""No positions are added."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your Transformer does not notice the order of the words: where do the positions come in?",
    "zh": "在你的 Transformer 眼里，词的次序没有任何影响：位置是从哪里加进来的？",
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
        return self.embedding(ids) * math.sqrt(d_model)
