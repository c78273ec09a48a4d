"""BERT gets a causal mask."""

NOTEBOOK = "architectures"
HINT = {
    "en": "In your Bert no token sees those after it. BERT reads in both directions.",
    "zh": "在你的 Bert 里，token 看不到后面的内容。BERT 是双向阅读的。",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def forward(self, ids, attention_mask=None, type_ids=None):
        type_ids = torch.zeros_like(ids) if type_ids is None else type_ids
        length = ids.shape[1]
        x = self.token_embedding(ids) + self.position_embedding.weight[:length] + self.type_embedding(type_ids)
        x = self.embedding_norm(x)
        mask = attention.causal_mask(length, length)
        if attention_mask is not None:
            mask = mask & attention.padding_mask(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head_norm(F.gelu(self.head_proj(x))) @ self.token_embedding.weight.T + self.head_bias
