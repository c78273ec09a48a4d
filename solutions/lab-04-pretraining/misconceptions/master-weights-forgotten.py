"""AdamW keeps mean and variance only: 12 bytes per parameter, without the float32 weights."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Mean and variance in float32 are 8 bytes. What else does the optimizer of a bfloat16 model keep in float32?",
    "zh": "float32 的均值和方差是 8 字节。bfloat16 模型的优化器还要用 float32 保存什么？",
}
FAILS = ["test_memory_of_the_model_states"]


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    if stage not in (0, 1, 2, 3):
        raise ValueError(stage)
    cut = [1, 1, 1]
    for kind in range(stage):
        cut[kind] = n_data
    return n_params / n_model * (8 / cut[0] + 2 / cut[1] + 2 / cut[2])
