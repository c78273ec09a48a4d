"""A and B both begin at zero, so neither ever gets a gradient."""

HINT = {
    "en": "A and B both begin at zero. The gradient of each is multiplied by the other, so neither can ever move.",
    "zh": "A 和 B 都从零开始。两者的梯度里都乘着对方，所以谁也动不了。",
}
FAILS = [
    "test_gradients_reach_x_and_a_and_b",
    "test_a_begins_kaiming_uniform_in_the_dtype_of_the_base",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        nn.init.zeros_(self.lora_A)
