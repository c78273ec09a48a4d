"""Heads that do not divide the width are rounded down instead of refused."""

NOTEBOOK = "attention"
HINT = {
    "en": "A width of 15 with 4 heads raises nothing in your code: three columns simply belong to no head.",
    "zh": "宽度 15、4 个头时，你的代码不报错：有三列不属于任何头。",
}
FAILS = ["test_projections_and_widths_that_do_not_fit"]


class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__(d_model, 1, bias)
        self.n_heads = n_heads
