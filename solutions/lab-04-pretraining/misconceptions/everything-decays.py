"""Biases and norms decay, too."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "In your groups everything decays, norms and biases too.",
    "zh": "你的分组里所有参数都做权重衰减，连归一化和偏置也在内。",
}
FAILS = ["test_matrices_decay_and_vectors_do_not"]


def parameter_groups(model, weight_decay):
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [{"params": trainable, "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
