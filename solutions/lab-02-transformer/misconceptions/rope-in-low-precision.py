"""The angles are computed in the dtype of x."""

NOTEBOOK = "attention"
HINT = {
    "en": "You compute the angles in the dtype of x. Which whole numbers beyond 256 can bfloat16 represent?",
    "zh": "你用 x 的 dtype 计算角度。bfloat16 能表示 256 以上的哪些整数？",
}
FAILS = ["test_far_positions_in_bfloat16"]


def apply_rope(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = positions.to(x.dtype)[..., None] * frequencies.to(x.dtype)
    if positions.dim() == 2:
        angles = angles[:, None]
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
