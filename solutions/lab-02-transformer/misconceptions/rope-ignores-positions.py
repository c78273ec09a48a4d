"""The positions are always 0, 1, 2, ..., whatever is given."""

NOTEBOOK = "attention"
HINT = {
    "en": "You count the positions yourself from 0. A text that continues another does not begin there.",
    "zh": "你自己从 0 开始数位置。可是接着前文的文本并不从 0 开始。",
}
FAILS = ["test_positions_are_those_given", "test_far_positions_in_bfloat16", "test_mask_base_and_positions_are_used"]


rope_by_position = apply_rope


def apply_rope(x, positions, base=10_000.0):
    return rope_by_position(x, torch.arange(x.shape[-2]), base)
