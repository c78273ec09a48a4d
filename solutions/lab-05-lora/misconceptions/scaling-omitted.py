"""The update is not scaled by alpha / r."""

HINT = {
    "en": "Your update is B A x as it stands: alpha has no effect. Change alpha and watch the output.",
    "zh": "你的更新就是 B A x 本身，alpha 根本没起作用。改一改 alpha，看看输出变不变。",
}
FAILS = [
    "test_forward_agrees_with_the_formula",
    "test_gradients_reach_x_and_a_and_b",
    "test_merging_puts_the_update_into_the_weight",
    "test_merge_lora_reaches_every_layer",
    "test_the_model_agrees_with_peft",
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        if self.merged:
            return self.base(x)
        return self.base(x) + self.dropout(x) @ self.lora_A.T @ self.lora_B.T

    def merge(self):
        if not self.merged:
            self.base.weight.data += self.lora_B.data @ self.lora_A.data
            self.merged = True

    def unmerge(self):
        if self.merged:
            self.base.weight.data -= self.lora_B.data @ self.lora_A.data
            self.merged = False
