"""LayerNorm has a bias and does not add it."""

NOTEBOOK = "transformer"
HINT = {
    "en": "One of the two parameters of your LayerNorm has no effect on its output.",
    "zh": "你的 LayerNorm 有两个参数，其中一个对输出没有影响。",
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
        centred = x - x.mean(-1, keepdim=True)
        return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight
