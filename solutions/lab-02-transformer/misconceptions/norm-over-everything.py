"""Mean and variance are taken over the whole tensor."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You take one mean and one variance for the whole batch. Each token has its own.",
    "zh": "你给整个批只算了一个均值和一个方差。每个 token 应当有自己的。",
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
        centred = x - x.mean()
        return centred / torch.sqrt(centred.pow(2).mean() + self.eps) * self.weight + self.bias
