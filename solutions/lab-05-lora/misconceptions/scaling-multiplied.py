"""The update is scaled by alpha * r instead of alpha / r."""

HINT = {
    "en": "Your update grows with the rank: r works the wrong way round in your scaling.",
    "zh": "你的更新会随着秩的增大而变大:缩放系数里 r 的作用弄反了。",
}
FAILS = [
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.scaling = alpha * r
