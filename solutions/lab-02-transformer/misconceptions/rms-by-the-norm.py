"""x is divided by its norm, the root of the sum of squares instead of their mean."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You divide by the length of the vector: the SUM of the squares. The M in RMS stands for something else.",
    "zh": "你除以的是向量的长度，也就是平方和的根。RMS 里的 M 是什么意思？",
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
        wide = x.float()
        return (self.weight * wide * torch.rsqrt(wide.pow(2).sum(-1, keepdim=True) + self.eps)).to(x.dtype)
