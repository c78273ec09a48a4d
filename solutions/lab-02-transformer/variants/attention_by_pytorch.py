"""PyTorch's fused attention, RoPE by complex numbers, and keys shared by a broadcast view."""

NOTEBOOK = "attention"


def scaled_dot_product_attention(q, k, v, mask=None):
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v)
    visible = mask.any(-1, keepdim=True)
    return F.scaled_dot_product_attention(q, k, v, mask | ~visible) * visible


def apply_rope(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    inverse = 1.0 / base ** (torch.arange(0, 2 * half, 2).float() / (2 * half))
    angles = torch.einsum("...t,f->...tf", positions.float(), inverse)
    if angles.dim() == 3:
        angles = angles.unsqueeze(1)
    turned = torch.complex(*x.float().chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], -1).type_as(x)


def repeat_kv(x, n):
    B, G, S, D = x.shape
    return x[:, :, None].expand(B, G, n, S, D).reshape(B, G * n, S, D)
