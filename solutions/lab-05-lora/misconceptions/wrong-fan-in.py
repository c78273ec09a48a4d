"""A is initialised as (in, r) and used transposed, so that Kaiming takes r for the fan-in."""

HINT = {
    "en": "A is initialised with the wrong fan: Kaiming should look at the width of x, and looks at "
    "the rank. Check which axis of A is which at that moment.",
    "zh": "A 初始化时的 fan 取错了:Kaiming 应当看 x 的宽度,你这里看的却是秩。检查一下那一刻 A 的两个轴各是什么。",
}
FAILS = [
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        initial = torch.empty(base.in_features, r, dtype=base.weight.dtype)
        nn.init.kaiming_uniform_(initial, a=math.sqrt(5))
        self.lora_A = nn.Parameter(initial.T.contiguous())
