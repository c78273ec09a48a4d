"""The result is float32, whatever the dtype of x."""

NOTEBOOK = "attention"
HINT = {
    "en": "You give back float32 for an x in bfloat16: the rest of such a model cannot take that.",
    "zh": "x 是 bfloat16，你却返回 float32：模型后面的部分接不住。",
}
FAILS = ["test_far_positions_in_bfloat16"]


rope_in_own_dtype = apply_rope


def apply_rope(x, positions, base=10_000.0):
    return rope_in_own_dtype(x.float(), positions, base)
