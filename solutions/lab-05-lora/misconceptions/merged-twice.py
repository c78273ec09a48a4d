"""merge() adds the update again when the layer is merged already."""

HINT = {
    "en": "Each merge() adds the update once more. A layer should know whether it is merged already.",
    "zh": "每调用一次 merge()，更新就又加了一遍。层应当知道自己是否已经合并过。",
}
FAILS = ["test_merging_again_changes_nothing"]


class LoRALinear(LoRALinear):
    def merge(self):
        self.base.weight.data += self.scaling * (self.lora_B @ self.lora_A).detach()
        self.merged = True
