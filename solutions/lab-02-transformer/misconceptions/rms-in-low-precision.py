"""The squares are computed in the dtype of x, and overflow in float16."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You square in the dtype of x. What is 300 times 300 in float16?",
    "zh": "你用 x 的 dtype 求平方。在 float16 里，300 乘 300 等于多少？",
}
FAILS = ["test_rms_norm_in_half_precision"]


class RMSNorm(RMSNorm):
    def forward(self, x):
        return (self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype)
