"""forward adds the update although it is in the weight already."""

HINT = {
    "en": "After merge() your layer has the update twice: once inside the weight and once more in forward.",
    "zh": "merge() 之后，你的层把更新算了两次：权重里一次，forward 里又一次。",
}
FAILS = [
    "test_merging_puts_the_update_into_the_weight",
    "test_a_merged_layer_computes_the_same_in_every_mode",
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        return self.base(x) + self.scaling * (self.dropout(x) @ self.lora_A.T @ self.lora_B.T)
