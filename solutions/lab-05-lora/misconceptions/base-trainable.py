"""The base is not frozen, so that its weight and bias are trained as well."""

HINT = {
    "en": "Your layer trains the base too. Then it is full fine-tuning with an extra, and the adapter "
    "alone no longer holds what was learnt.",
    "zh": "你的层连 base 也一起训练了。这成了全参数微调外加一个附件，光靠适配器已经装不下学到的东西。",
}
FAILS = [
    "test_the_base_is_frozen",
    "test_unmerging_restores_the_base",
    "test_a_merged_layer_computes_the_same_in_every_mode",
    "test_everything_but_the_update_is_frozen",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
]


class LoRALinear(LoRALinear):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__(base, r, alpha, dropout)
        self.base.requires_grad_(True)
