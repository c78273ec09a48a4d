"""The decoder has no causal mask."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your decoder sees the token that it is to predict.",
    "zh": "你的解码器能看到它要预测的那个 token。",
}
FAILS = ["test_logits_of_the_whole", "test_the_target_does_not_see_its_future", "test_gradients_reach_every_parameter"]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(memory, visible)
        x = self._embed(target)
        for layer in self.decoder:
            x = layer(x, memory, None, visible)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
