"""Attention in einsum, with an additive mask, and heads by reshape and permute."""

NOTEBOOK = "attention"


def attention_weights(q, k, mask=None):
    scores = torch.einsum("bhtd,bhsd->bhts", q * q.shape[-1] ** -0.5, k)
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(mask.logical_not(), float("-inf"))
    top = scores.amax(-1, keepdim=True).clamp(min=-1e30)
    exponents = (scores - top).exp()
    return exponents / exponents.sum(-1, keepdim=True).clamp(min=1e-30)


def scaled_dot_product_attention(q, k, v, mask=None):
    return torch.einsum("bhts,bhse->bhte", attention_weights(q, k, mask), v)


def causal_mask(n_queries, n_keys):
    last = torch.arange(n_keys - n_queries, n_keys)
    return torch.arange(n_keys)[None, :] <= last[:, None]


def padding_mask(attention_mask):
    return (attention_mask == 1).view(attention_mask.shape[0], 1, 1, -1)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("d_model must be a multiple of n_heads")
        self.n_heads, self.d_head = n_heads, d_model // n_heads
        for name in "qkvo":
            setattr(self, f"{name}_proj", nn.Linear(d_model, d_model, bias))

    def forward(self, x, context=None, mask=None):
        source = x if context is None else context
        B, T, _ = x.shape
        q = self.q_proj(x).reshape(B, T, self.n_heads, self.d_head).permute(0, 2, 1, 3)
        k, v = (
            f(source).reshape(B, -1, self.n_heads, self.d_head).permute(0, 2, 1, 3) for f in (self.k_proj, self.v_proj)
        )
        return self.o_proj(scaled_dot_product_attention(q, k, v, mask).permute(0, 2, 1, 3).reshape(B, T, -1))
