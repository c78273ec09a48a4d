"""The gradients of earlier updates are never cleared."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "From the second update on, the gradients of the first are still there.",
    "zh": "从第二次更新起，第一次的梯度还在。",
}
FAILS = [
    "test_accumulation_is_the_full_batch",
    "test_a_resumed_run_is_the_same_to_the_bit",
    "test_a_trained_gpt_beats_pairs_of_letters",
]
EDIT = ("train_step", "    optimizer.zero_grad()\n", "")
