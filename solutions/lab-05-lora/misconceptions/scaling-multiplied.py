"""The update is scaled by alpha * r instead of alpha / r."""

HINT = {
    "en": "Your update grows with the rank: r works the wrong way round in your scaling.",
    "zh": "你的更新会随着秩的增大而变大：缩放系数里 r 的作用弄反了。",
}
FAILS = [
    "test_forward_agrees_with_the_formula",
    "test_any_leading_axes_and_a_bias",
    "test_gradients_reach_x_and_a_and_b",
    "test_a_begins_kaiming_uniform_in_the_dtype_of_the_base",
    "test_attributes_and_a_rank_below_one",
    "test_merging_puts_the_update_into_the_weight",
    "test_merge_lora_reaches_every_layer",
    "test_the_model_agrees_with_peft",
    "test_the_configuration_is_saved",
    "test_a_fresh_model_with_the_adapter_answers_alike",
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = alpha * r
