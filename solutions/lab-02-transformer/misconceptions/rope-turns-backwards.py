"""The rotation goes the other way: the sign of the sine is swapped."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your rotation goes the wrong way round. Distances still work, but not together with weights that were trained with the other direction.",
    "zh": "你旋转的方向反了。距离关系仍然成立，但与按另一个方向训练出来的权重对不上。",
}
FAILS = [
    "test_pairs_of_halves_are_turned",
    "test_positions_are_those_given",
    "test_far_positions_in_bfloat16",
    "test_grouped_heads_agree_with_a_loop_over_heads",
    "test_mask_base_and_positions_are_used",
    "test_gradients_of_grouped_attention",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


rope_forwards = apply_rope


def apply_rope(x, positions, base=10_000.0):
    return rope_forwards(x, -positions, base)
