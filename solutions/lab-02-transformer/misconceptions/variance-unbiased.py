"""The variance is divided by d - 1, as Tensor.var does."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your variance is the one of statistics, with one less in the denominator. Which one does the formula have?",
    "zh": "你的方差是统计学里的那种，分母少了 1。公式里是哪一种？",
}
FAILS = [
    "test_layer_norm_agrees_with_pytorch",
    "test_epsilon_stands_inside_the_root",
    "test_gradients_through_the_norms",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class LayerNorm(LayerNorm):
    def forward(self, x):
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + self.eps) * self.weight + self.bias
