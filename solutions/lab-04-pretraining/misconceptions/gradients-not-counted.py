"""Gradients take no memory: 14 bytes per parameter."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your 14 bytes per parameter are weights and optimizer. Where do the gradients live?",
    "zh": "你的每个参数 14 字节，是权重加优化器。梯度放在哪里？",
}
FAILS = ["test_memory_of_the_model_states"]


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    if stage not in (0, 1, 2, 3):
        raise ValueError(stage)
    cut = [1, 1, 1]
    for kind in range(stage):
        cut[kind] = n_data
    return n_params / n_model * (12 / cut[0] + 0 / cut[1] + 2 / cut[2])
