"""The base's weight is used, its bias is forgotten."""

HINT = {
    "en": "You compute with the base's weight and forget that a linear layer may have one more parameter.",
    "zh": "你只用了 base 的权重，忘了线性层可能还有另一个参数。",
}
FAILS = [
    "test_a_new_layer_is_the_identity_on_the_base",
    "test_any_leading_axes_and_a_bias",
    "test_dropout_acts_on_the_update_in_training_only",
    "test_a_begins_kaiming_uniform_in_the_dtype_of_the_base",
    "test_merging_puts_the_update_into_the_weight",
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        output = x @ self.base.weight.T
        if not self.merged:
            output = output + self.scaling * (self.dropout(x) @ self.lora_A.T @ self.lora_B.T)
        return output
