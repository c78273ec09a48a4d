"""The result of RMSNorm is float32 for a float16 input."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You compute in float32, and forget to give back the dtype that came in.",
    "zh": "你用 float32 计算是对的，但忘了还原成输入的 dtype。",
}
FAILS = ["test_rms_norm_in_half_precision"]


class RMSNorm(RMSNorm):
    def forward(self, x):
        wide = x.float()
        return self.weight * wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
