"""Neighbours make a pair, as in the paper, instead of halves, as in Hugging Face's Llama."""

NOTEBOOK = "attention"
HINT = {
    "en": "You turn the pairs (x0, x1), (x2, x3), ... of the paper. The weights that we want to load were trained with other pairs.",
    "zh": "你旋转的是论文里的 (x0, x1)、(x2, x3)……而我们要加载的权重，是用另一种配对训练出来的。",
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


def apply_rope(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = positions[..., None] * frequencies
    if positions.dim() == 2:
        angles = angles[:, None]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], dim=-1).flatten(-2)
