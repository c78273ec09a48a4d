"""Recomputed activations cost nothing: always 6 operations."""

NOTEBOOK = "parallel"
HINT = {
    "en": "With recomputation the forward pass runs twice. Your days are the same with and without.",
    "zh": "重计算意味着前向要跑两次。你的天数却不变。",
}
FAILS = ["test_communication_and_time"]
EDIT = ("training_days", "per_token = (8 if recompute else 6) * n_params\n    return per_token", "return 6 * n_params")
