"""The embedding is not multiplied by sqrt(d_model)."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your positions are large in comparison with your embeddings. Section 3.4 of the paper has a factor for that.",
    "zh": "与你的嵌入相比，位置的“音量”太大了。论文 3.4 节有一个因子正是为此。",
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
        return self.embedding(ids) + sinusoidal_positions(ids.shape[1], d_model)
