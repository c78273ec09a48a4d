"""The activation is always ReLU."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your feed-forward network is ReLU, whatever activation it is given.",
    "zh": "无论传入什么激活函数，你的前馈网络都用 ReLU。",
}
FAILS = [
    "test_feed_forward_has_the_activation_that_it_is_given",
    "test_pre_norm_encoder_layer",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
]
EDIT = ("FeedForward.forward", "self.activation", "F.relu")
