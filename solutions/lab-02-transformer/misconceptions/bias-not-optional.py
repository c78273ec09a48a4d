"""The projections have biases, whatever is asked for."""

NOTEBOOK = "attention"
HINT = {
    "en": "You give every projection a bias, also when bias is False.",
    "zh": "无论 bias 传的是什么，你的每个投影都带 bias。",
}
FAILS = ["test_self_attention_is_that_of_each_head", "test_projections_and_widths_that_do_not_fit"]


class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__(d_model, n_heads)
