"""F.dropout without training=self.training: dropout stays on in eval mode."""

HINT = {
    "en": "Your dropout is still on in eval mode, so that the same input gives other answers each time.",
    "zh": "你的 dropout 在评估模式下仍然生效，同样的输入每次会得到不同的输出。",
}
FAILS = [
    "test_dropout_acts_on_the_update_in_training_only",
    "test_a_merged_layer_computes_the_same_in_every_mode",
    "test_the_model_agrees_with_peft",
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        if self.merged:
            return self.base(x)
        dropped = F.dropout(x, self.dropout.p)
        return self.base(x) + self.scaling * (dropped @ self.lora_A.T @ self.lora_B.T)
