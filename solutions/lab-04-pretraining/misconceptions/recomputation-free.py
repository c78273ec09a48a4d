"""Recomputed activations cost nothing: always 6 operations."""

NOTEBOOK = "parallel"
HINT = {
    "en": "With recomputation the forward pass runs twice. Your days are the same with and without.",
    "zh": "重计算意味着前向要跑两次。你的天数却不变。",
}
FAILS = ["test_communication_and_time"]


def training_days(n_params, n_tokens, n_gpus, flops_per_gpu, recompute=False):
    return 6 * n_params * n_tokens / (n_gpus * flops_per_gpu) / 86_400
