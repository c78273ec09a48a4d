"""MultiHeadAttention takes a mask and does not hand it on: padding and future are attended."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your layer takes the mask and does nothing with it, so padding and future are attended like the rest.",
    "zh": "你的层收下了掩码却没有使用，于是填充和未来的 token 都照看不误。",
}
FAILS = [
    "test_the_mask_reaches_every_head",
    "test_the_past_does_not_feel_a_change_of_the_future",
    "test_gradients_reach_both_inputs_and_all_projections",
]


class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        return super().forward(x, context)
