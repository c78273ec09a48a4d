"""LoRALinear that adds the matrix B A to the weight in forward where dropout rests; merge replaces the parameter."""


class LoRALinear(nn.Module):
    def __init__(self, base, r, alpha, dropout=0.0):
        if r < 1:
            raise ValueError("r < 1")
        super().__init__()
        self.base = base
        self.base.weight.requires_grad_(False)
        if self.base.bias is not None:
            self.base.bias.requires_grad_(False)
        self.r, self.alpha, self.scaling = r, alpha, alpha / r
        self.merged = False
        self.dropout = nn.Dropout(dropout)
        self.lora_B = nn.Parameter(torch.zeros_like(base.weight[:, :1]).repeat(1, r))
        self.lora_A = nn.Parameter(torch.zeros_like(base.weight[:1]).repeat(r, 1))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def update(self):
        return (self.alpha / self.r) * torch.mm(self.lora_B, self.lora_A)

    def forward(self, x):
        if self.merged:
            return F.linear(x, self.base.weight, self.base.bias)
        if self.training and self.dropout.p > 0:
            return F.linear(x, self.base.weight, self.base.bias) + F.linear(self.dropout(x), self.update())
        return F.linear(x, self.base.weight + self.update(), self.base.bias)

    def merge(self):
        if not self.merged:
            self.base.weight = nn.Parameter(self.base.weight + self.update(), requires_grad=False)
        self.merged = True

    def unmerge(self):
        if self.merged:
            self.base.weight = nn.Parameter(self.base.weight - self.update(), requires_grad=False)
        self.merged = False
