"""Key heads that do not divide the query heads are accepted."""

NOTEBOOK = "attention"
HINT = {
    "en": "6 query heads cannot share 4 key heads evenly, and you let them try.",
    "zh": "6 个查询头无法平均共用 4 个键头，你的代码却放行了。",
}
FAILS = ["test_shapes_of_grouped_projections"]


class GroupedQueryAttention(GroupedQueryAttention):
    def __init__(self, d_model, n_heads, n_kv_heads, rope_base=10_000.0):
        if d_model % n_heads:
            raise ValueError("the heads do not divide the width")
        super().__init__(d_model, n_heads, 1, rope_base)
        self.n_kv_heads = n_kv_heads
        self.k_proj = nn.Linear(d_model, n_kv_heads * (d_model // n_heads), bias=False)
        self.v_proj = nn.Linear(d_model, n_kv_heads * (d_model // n_heads), bias=False)
