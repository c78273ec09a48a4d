"""Each column has a frequency of its own: the exponent is i/d with i the column."""

NOTEBOOK = "transformer"
HINT = {
    "en": "Your sine and cosine of a pair have different frequencies.",
    "zh": "你的同一对 sin 和 cos 用了不同的频率。",
}
FAILS = ["test_sinusoidal_positions", "test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


def sinusoidal_positions(n_positions, d_model):
    angles = torch.arange(n_positions)[:, None] * 10_000.0 ** (-torch.arange(d_model) / d_model)
    return torch.where(torch.arange(d_model) % 2 == 0, angles.sin(), angles.cos())
