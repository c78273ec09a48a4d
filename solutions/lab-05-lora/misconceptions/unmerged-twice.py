"""unmerge() subtracts the update from a layer that is not merged."""

HINT = {
    "en": "unmerge() takes the update out even when it is not in: call it on a layer that is not "
    "merged and look at its weight.",
    "zh": "即使更新没有合并进去，unmerge() 也照减不误：对一个未合并的层调用它，看看权重。",
}
FAILS = ["test_unmerging_restores_the_base"]


class LoRALinear(LoRALinear):
    def unmerge(self):
        self.base.weight.data -= self.scaling * (self.lora_B @ self.lora_A).detach()
        self.merged = False
