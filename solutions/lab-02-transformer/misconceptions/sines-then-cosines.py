"""The first half of the columns are sines, the second cosines."""

NOTEBOOK = "transformer"
HINT = {
    "en": "You put all sines first and all cosines after them. The paper alternates them.",
    "zh": "你把所有 sin 放在前面、所有 cos 放在后面。论文里是交替排列的。",
}
FAILS = ["test_sinusoidal_positions", "test_logits_of_the_whole", "test_gradients_reach_every_parameter"]


def sinusoidal_positions(n_positions, d_model):
    frequencies = 10_000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    angles = torch.arange(n_positions)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
