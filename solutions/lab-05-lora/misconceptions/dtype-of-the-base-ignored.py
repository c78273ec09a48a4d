"""A and B are always float32, whatever the base is."""

HINT = {
    "en": "Your A and B are float32 whatever the base is. Models are often loaded in another "
    "precision; wrap one of those and call it.",
    "zh": "无论 base 是什么精度，你的 A 和 B 都是 float32。模型常以别的精度加载；包装一个这样的层并调用试试。",
}
FAILS = ["test_a_begins_kaiming_uniform_in_the_dtype_of_the_base"]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
