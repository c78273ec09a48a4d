"""Without type_ids no type embedding is added."""

NOTEBOOK = "architectures"
HINT = {
    "en": "When no type_ids are given you add no type embedding. All tokens are then of segment 0, and segment 0 has an embedding, too.",
    "zh": "没有传 type_ids 时，你就不加句段嵌入。那时所有 token 都属于第 0 段，而第 0 段也有自己的嵌入。",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def forward(self, ids, attention_mask=None, type_ids=None):
        x = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        if type_ids is not None:
            x = x + self.type_embedding(type_ids)
        x = self.embedding_norm(x)
        mask = None if attention_mask is None else attention.padding_mask(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head_norm(F.gelu(self.head_proj(x))) @ self.token_embedding.weight.T + self.head_bias
