"""The cosine ends where this part of the run stops."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "A run that stops half way has another schedule in your code: the cosine ends at `stop`, not at config.steps.",
    "zh": "在你的代码里，中途停下的训练用的是另一条学习率曲线：余弦终止在 `stop`，而不是 config.steps。",
}
FAILS = ["test_a_resumed_run_is_the_same_to_the_bit"]
EDIT = ("train", "config.steps, config", "config.steps if stop is None else stop, config")
