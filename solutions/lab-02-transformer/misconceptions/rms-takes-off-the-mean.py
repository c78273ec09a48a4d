"""RMSNorm takes off the mean, like LayerNorm."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your RMSNorm subtracts the mean. RMSNorm was designed to do without that.",
    "zh": "你的 RMSNorm 减去了均值。它正是为了省掉这一步而设计的。",
}
FAILS = [
    "test_rms_norm_agrees_with_pytorch",
    "test_epsilon_stands_inside_the_root",
    "test_rms_norm_in_half_precision",
    "test_gradients_through_the_norms",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


class RMSNorm(RMSNorm):
    def forward(self, x):
        wide = x.float() - x.float().mean(-1, keepdim=True)
        return (self.weight * wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype)
