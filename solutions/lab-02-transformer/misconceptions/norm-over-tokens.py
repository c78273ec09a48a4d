"""Mean and variance are taken over the tokens instead of the entries of a token."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your mean and variance go over the tokens: each token's result depends on its neighbours.",
    "zh": "你的均值和方差是在 token 之间算的：每个 token 的结果都依赖于它的邻居。",
}
FAILS = [
    "test_layer_norm_agrees_with_pytorch",
    "test_epsilon_stands_inside_the_root",
    "test_gradients_through_the_norms",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]


class LayerNorm(LayerNorm):
    def forward(self, x):
        centred = x - x.mean(-2, keepdim=True)
        return centred / torch.sqrt(centred.pow(2).mean(-2, keepdim=True) + self.eps) * self.weight + self.bias
