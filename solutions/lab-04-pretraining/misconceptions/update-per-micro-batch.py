"""Each micro-batch makes an update of its own."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "You update after each micro-batch: several small updates are not one.",
    "zh": "每个微批之后你都更新了一次：几次小更新不等于一次大更新。",
}
FAILS = [
    "test_accumulation_is_the_full_batch",
    "test_a_resumed_run_is_the_same_to_the_bit",
]
EDIT = (
    "train_step",
    "    norm = clip_gradients(model, max_norm)\n    optimizer.step()",
    "        norm = clip_gradients(model, max_norm)\n        optimizer.step()",
)
