"""Epsilon is added to the standard deviation, after the root."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You add eps after the root is taken. Compare with the formula for a vector of zeros: by what is it divided?",
    "zh": "你在开根号之后才加 eps。拿全零向量对照公式看看：它被除以了多少？",
}
FAILS = [
    "test_epsilon_stands_inside_the_root",
    "test_pre_norm_encoder_layer",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


class LayerNorm(LayerNorm):
    def forward(self, x):
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True).sqrt() + self.eps) * self.weight + self.bias


class RMSNorm(RMSNorm):
    def forward(self, x):
        wide = x.float()
        return (self.weight * wide / (wide.pow(2).mean(-1, keepdim=True).sqrt() + self.eps)).to(x.dtype)
