"""The result of RMSNorm is float32 for a float16 input."""

NOTEBOOK = "transformer"
HINT = {
    "en": "What comes out is float32, not the dtype that came in. The cast has to be the last step: float16 times a float32 weight is float32 again.",
    "zh": "输出是 float32，而不是输入的 dtype。转换要放在最后一步：float16 乘以 float32 的 weight，又成了 float32。",
}
FAILS = ["test_rms_norm_in_half_precision"]


class RMSNorm(RMSNorm):
    def forward(self, x):
        wide = x.float()
        return self.weight * wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
