"""merge() adds B A without alpha / r."""

HINT = {
    "en": "Your merged layer answers differently from the one before merging: what multiplies the "
    "update in forward is missing when you merge it.",
    "zh": "合并之后的输出和合并之前不同：forward 里更新前面乘的那个系数，合并时漏掉了。",
}
FAILS = [
    "test_merging_puts_the_update_into_the_weight",
    "test_a_merged_layer_computes_the_same_in_every_mode",
    "test_merge_lora_reaches_every_layer",
]


class LoRALinear(LoRALinear):
    def merge(self):
        if not self.merged:
            self.base.weight.data += (self.lora_B @ self.lora_A).detach()
            self.merged = True

    def unmerge(self):
        if self.merged:
            self.base.weight.data -= (self.lora_B @ self.lora_A).detach()
            self.merged = False
