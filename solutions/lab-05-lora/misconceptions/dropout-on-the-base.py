"""x goes through dropout before it reaches the base as well."""

HINT = {
    "en": "Your dropout also drops what goes into the base. The pre-trained layer never saw such "
    "inputs; dropout is for the update alone.",
    "zh": "你的 dropout 把送进 base 的输入也丢掉了一部分。预训练的层没见过这样的输入;dropout 只该用在更新这条支路上。",
}
FAILS = [
]


class LoRALinear(LoRALinear):
    def forward(self, x):
        x = self.dropout(x)
        if self.merged:
            return self.base(x)
        return self.base(x) + self.scaling * (x @ self.lora_A.T @ self.lora_B.T)
