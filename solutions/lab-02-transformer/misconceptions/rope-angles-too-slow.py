"""The exponent is -i/D instead of -2i/D."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your frequencies fall half as fast as they should. i counts pairs, of which there are D/2: what is the exponent of the last?",
    "zh": "你的频率下降速度只有应有的一半。i 数的是“对”，共有 D/2 对：最后一对的指数是多少？",
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
EDIT = (
    "apply_rope",
    "frequencies = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)\n"
    "    angles = positions.to(x.device)[..., None] * frequencies",
    "frequencies = base ** (-torch.arange(half, dtype=torch.float32) / x.shape[-1])\n"
    "    angles = positions[..., None] * frequencies",
)
