"""The embedding is multiplied by sqrt(d_model), as in the Transformer of 2017."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You multiply GPT-2's embedding by sqrt(d_model). The paper of 2017 did; GPT-2 does not.",
    "zh": "你把 GPT-2 的嵌入乘了 sqrt(d_model)。2017 年的论文这样做，GPT-2 并不。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def forward(self, ids):
        length, d_model = ids.shape[1], self.token_embedding.embedding_dim
        x = self.token_embedding(ids) * d_model**0.5 + self.position_embedding.weight[:length]
        for layer in self.layers:
            x = layer(x, attention.causal_mask(length, length))
        return self.norm(x) @ self.token_embedding.weight.T
