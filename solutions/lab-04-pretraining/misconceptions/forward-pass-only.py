"""2 operations per parameter and token: only the forward pass is counted."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your days are those of the forward pass. The backward pass costs another 4 operations for each parameter and token.",
    "zh": "你算的天数只包括前向。反向时，每个参数、每个 token 还要 4 次运算。",
}
FAILS = ["test_communication_and_time"]


def training_days(n_params, n_tokens, n_gpus, flops_per_gpu, recompute=False):
    return (4 if recompute else 2) * n_params * n_tokens / (n_gpus * flops_per_gpu) / 86_400
