"""Per token divides by the length only, not by the batch."""

NOTEBOOK = "explore"
HINT = {
    "en": "You divide by T. The inputs are B texts of T tokens.",
    "zh": "你只除以了 T。输入是 B 段文本，每段 T 个 token。",
}
FAILS = [
    "test_shapes_and_memory_of_every_run",
    "test_flops_of_layers_and_models",
]
EDIT = ("explore", "n_tokens = inputs.shape[0] * inputs.shape[1]", "n_tokens = inputs.shape[1]")
