"""Every gradient is brought to max_norm, also the small ones."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your clipping makes small gradients larger: every update gets the length max_norm.",
    "zh": "你的裁剪把小梯度放大了：每次更新的长度都成了 max_norm。",
}
FAILS = ["test_clipping_only_ever_shrinks"]
EDIT = ("clip_gradients", "norm > max_norm", "max_norm < math.inf")
