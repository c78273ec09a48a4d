"""eps is added after the root."""

HINT = {"en": "Where does eps keep the root away from zero?", "zh": "eps 应该加在哪里，才能避免对零开方？"}
FAILS = ["test_rms_norm_values", "test_rms_norm_trains_its_weight"]


class RMSNorm(torch.nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(d_model))
        self.eps = eps

    def forward(self, x):
        return x / (x.pow(2).mean(-1, keepdim=True).sqrt() + self.eps) * self.weight
