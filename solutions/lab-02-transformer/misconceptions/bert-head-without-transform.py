"""The logits are taken from the last layer at once; head_proj and head_norm are not used."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your Bert makes logits right from the last layer: head_proj, GELU and head_norm come before the embedding.",
    "zh": "你的 Bert 直接从最后一层得到 logits：在乘嵌入之前还有 head_proj、GELU 和 head_norm。",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def forward(self, ids, attention_mask=None, type_ids=None):
        type_ids = torch.zeros_like(ids) if type_ids is None else type_ids
        x = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]] + self.type_embedding(type_ids)
        x = self.embedding_norm(x)
        mask = None if attention_mask is None else attention.padding_mask(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x @ self.token_embedding.weight.T + self.head_bias
