"""The base's weight is used, its bias is forgotten."""

HINT = {
    "en": "You compute with the base's weight and forget that a linear layer may have one more "
    "parameter.",
    "zh": "你只用了 base 的权重,忘了线性层可能还有另一个参数。",
}
FAILS = [
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        output = x @ self.base.weight.T
        if not self.merged:
            output = output + self.scaling * (self.dropout(x) @ self.lora_A.T @ self.lora_B.T)
        return output
