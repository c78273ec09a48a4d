"""x goes through dropout before it reaches the base as well."""

HINT = {
    "en": "Your dropout also drops what goes into the base. The pre-trained layer never saw such "
    "inputs; dropout is for the update alone.",
    "zh": "你的 dropout 把送进 base 的输入也丢掉了一部分。预训练的层没见过这样的输入；dropout 只该用在更新这条支路上。",
}
FAILS = [
    "test_dropout_acts_on_the_update_in_training_only",
    "test_a_merged_layer_computes_the_same_in_every_mode",
    "test_the_model_agrees_with_peft",
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        x = self.dropout(x)
        if self.merged:
            return self.base(x)
        return self.base(x) + self.scaling * (x @ self.lora_A.T @ self.lora_B.T)
