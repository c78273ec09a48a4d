"""Every gradient is brought to max_norm, also the small ones."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your clipping makes small gradients larger: every update gets the length max_norm.",
    "zh": "你的裁剪把小梯度放大了：每次更新的长度都成了 max_norm。",
}
FAILS = ["test_clipping_only_ever_shrinks"]


def clip_gradients(model, max_norm):
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])).item()
    if max_norm < math.inf:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    return norm
