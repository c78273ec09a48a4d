"""LoRALinear written from nothing: einsum, an explicit uniform initialisation, and a kept copy of the weight to unmerge."""


class LoRALinear(nn.Module):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__()
        if r <= 0:
            raise ValueError("r must be positive")
        self.base = base
        for parameter in self.base.parameters():
            parameter.requires_grad = False
        bound = base.in_features**-0.5
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, **like).uniform_(-bound, bound))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, **like))
        self.scaling = alpha / r
        self.dropout = nn.Dropout(p=dropout)
        self.merged = False
        self.unmerged_weight = None

    def forward(self, x):
        y = self.base(x)
        if self.merged:
            return y
        hidden = torch.einsum("...i,ri->...r", self.dropout(x) * self.scaling, self.lora_A)
        return torch.einsum("...r,or->...o", hidden, self.lora_B) + y

    @torch.no_grad()
    def merge(self):
        if self.merged:
            return
        self.unmerged_weight = self.base.weight.clone()
        self.base.weight.addmm_(self.lora_B, self.lora_A, alpha=self.scaling)
        self.merged = True

    @torch.no_grad()
    def unmerge(self):
        if self.merged:
            self.base.weight.copy_(self.unmerged_weight)
            self.unmerged_weight = None
            self.merged = False


def _layers(model):
    return [module for module in model.modules() if isinstance(module, LoRALinear)]


def merge_lora(model):
    for layer in _layers(model):
        layer.merge()


def unmerge_lora(model):
    for layer in _layers(model):
        layer.unmerge()
