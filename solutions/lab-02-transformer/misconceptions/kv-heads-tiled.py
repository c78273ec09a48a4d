"""The key heads come 0, 1, 2, 0, 1, 2, ... (repeat) instead of 0, 0, 0, 1, 1, 1, ..."""

NOTEBOOK = "attention"
HINT = {
    "en": "Your key heads alternate: 0, 1, 2, 0, 1, 2. Which query heads share one, neighbours or every third?",
    "zh": "你的键头是轮流出现的：0、1、2、0、1、2。共用同一个的是相邻的查询头，还是每隔几个？",
}
FAILS = [
    "test_neighbouring_heads_share_keys",
    "test_grouped_heads_agree_with_a_loop_over_heads",
    "test_mask_base_and_positions_are_used",
    "test_gradients_of_grouped_attention",
    "test_llama_agrees_with_hugging_face",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]
EDIT = ("repeat_kv", "return x.repeat_interleave(n, dim=1)", "return x.repeat(1, n, 1, 1)")
