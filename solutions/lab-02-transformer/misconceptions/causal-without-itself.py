"""A token does not see itself."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your tokens may not see themselves, and the first sees nothing. It is the NEXT token that must stay hidden.",
    "zh": "在你的掩码里，token 看不到自己，第一个 token 更是什么都看不到。要藏起来的是下一个 token。",
}
FAILS = [
    "test_the_causal_mask_lines_up_at_the_bottom_right",
    "test_logits_of_the_whole",
    "test_gradients_reach_every_parameter",
    "test_gpt2_agrees_with_hugging_face",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


def causal_mask(n_queries, n_keys):
    return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries - 1)
