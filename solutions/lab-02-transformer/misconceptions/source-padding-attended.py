"""The decoder's cross-attention does not get the padding mask."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your encoder leaves the padding out, and your decoder reads it all the same.",
    "zh": "你的编码器避开了填充，解码器却照样去读它。",
}
FAILS = [
    "test_logits_of_the_whole",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
]


class Transformer(Transformer):
    def forward(self, source, target, source_mask=None):
        visible = None if source_mask is None else attention.padding_mask(source_mask)
        memory = self._embed(source)
        for layer in self.encoder:
            memory = layer(memory, visible)
        x = self._embed(target)
        causal = attention.causal_mask(target.shape[1], target.shape[1])
        for layer in self.decoder:
            x = layer(x, memory, causal)
        return x @ self.embedding.weight.T

    def _embed(self, ids):
        d_model = self.embedding.embedding_dim
        return self.embedding(ids) * math.sqrt(d_model) + sinusoidal_positions(ids.shape[1], d_model)
