"""B begins at random too, so that a new layer is not the identity on its base."""

HINT = {
    "en": "Both of your matrices begin at random, so wrapping a layer changes what the model says "
    "before a single step of training.",
    "zh": "你的两个矩阵都是随机初始化的，于是一步都没训练，包装之后模型的输出就已经变了。",
}
FAILS = [
    "test_a_new_layer_is_the_identity_on_the_base",
    "test_the_model_agrees_with_peft",
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.kaiming_uniform_(self.lora_B, a=math.sqrt(5))
