"""BERT gets the tanh form of GELU."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your Bert uses the tanh form of GELU, which is GPT-2's. The difference is small, but it is there.",
    "zh": "你的 Bert 用了 tanh 形式的 GELU，那是 GPT-2 的。差别很小，但确实存在。",
}
FAILS = ["test_bert_agrees_with_hugging_face", "test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.layers:
            layer.feed_forward = transformer.FeedForward(
                config.d_model, config.d_ff, partial(F.gelu, approximate="tanh")
            )
