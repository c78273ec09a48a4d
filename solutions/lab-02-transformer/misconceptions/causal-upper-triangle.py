"""The triangle above the diagonal is True: it marks what is hidden."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your mask is True where a query must NOT look. Here True means that it may.",
    "zh": "你的掩码在不能看的地方是 True。这里 True 表示可以看。",
}
FAILS = [
    "test_the_causal_mask_lines_up_at_the_bottom_right",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_gradients_reach_every_parameter",
    "test_gpt2_agrees_with_hugging_face",
    "test_llama_agrees_with_hugging_face",
    "test_llama_does_not_see_the_future",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


def causal_mask(n_queries, n_keys):
    return torch.ones(n_queries, n_keys, dtype=torch.bool).triu(n_keys - n_queries + 1)
