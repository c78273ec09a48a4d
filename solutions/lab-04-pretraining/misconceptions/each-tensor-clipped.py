"""Each tensor is clipped by its own norm."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You clip tensor by tensor, which turns the direction of the whole. There is one norm, of all gradients together.",
    "zh": "你逐个张量裁剪，整体的方向就变了。范数只有一个，是所有梯度合在一起的。",
}
FAILS = [
    "test_clipping_only_ever_shrinks",
    "test_a_resumed_run_is_the_same_to_the_bit",
]


def clip_gradients(model, max_norm):
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])).item()
    for gradient in gradients:
        if (own := torch.linalg.vector_norm(gradient).item()) > max_norm:
            gradient.mul_(max_norm / own)
    return norm
