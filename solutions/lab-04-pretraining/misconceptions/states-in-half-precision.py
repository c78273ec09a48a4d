"""AdamW's states are counted with 2 bytes each: 10 bytes per parameter."""

NOTEBOOK = "parallel"
HINT = {
    "en": "You give AdamW three numbers of 2 bytes for each parameter. In which precision does mixed precision keep them?",
    "zh": "你给 AdamW 的三个数各算了 2 字节。混合精度训练用什么精度保存它们？",
}
FAILS = ["test_memory_of_the_model_states"]


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    if stage not in (0, 1, 2, 3):
        raise ValueError(stage)
    cut = [1, 1, 1]
    for kind in range(stage):
        cut[kind] = n_data
    return n_params / n_model * (6 / cut[0] + 2 / cut[1] + 2 / cut[2])
