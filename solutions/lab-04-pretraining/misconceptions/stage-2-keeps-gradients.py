"""Stage 2 cuts no more than stage 1: gradients stay whole."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Your stage 2 keeps as much as stage 1. What does it cut besides the optimizer?",
    "zh": "你的阶段 2 和阶段 1 占得一样多。除了优化器，它还切什么？",
}
FAILS = ["test_memory_of_the_model_states"]


def model_state_bytes(n_params, stage=0, n_data=1, n_model=1):
    if stage not in (0, 1, 2, 3):
        raise ValueError(stage)
    bytes_each = [16, 4 + 12 / n_data, 4 + 12 / n_data, 16 / n_data][stage]
    return n_params / n_model * bytes_each
