"""The norm after the last layer is not applied."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your Llama makes logits from the stream as it is. A pre-norm stack ends with a norm.",
    "zh": "你的 Llama 直接用残差流算 logits。pre-norm 的一摞层最后还有一个归一化。",
}
FAILS = ["test_llama_agrees_with_hugging_face", "test_the_tied_head_of_a_small_smollm2"]


class Llama(Llama):
    def forward(self, ids):
        mask = attention.causal_mask(ids.shape[1], ids.shape[1])
        x = self.token_embedding(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(x)
