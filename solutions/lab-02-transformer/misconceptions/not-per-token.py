"""FLOPs and bytes are those of the whole batch."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your numbers are those of the whole batch, not of a token.",
    "zh": "你的结果是整批的，不是单个 token 的。",
}
FAILS = [
    "test_shapes_and_memory_of_every_run",
    "test_flops_of_layers_and_models",
]
EDIT = ("explore", "n_tokens = inputs.shape[0] * inputs.shape[1]", "n_tokens = 1")
