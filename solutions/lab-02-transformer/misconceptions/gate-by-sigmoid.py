"""The gate is a sigmoid (GLU) instead of SiLU."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your gate is between 0 and 1, a plain sigmoid. That is the GLU of 2016; SiLU multiplies the sigmoid by its argument.",
    "zh": "你的门在 0 和 1 之间，是单纯的 sigmoid，那是 2016 年的 GLU；SiLU 还要再乘上自变量。",
}
FAILS = [
    "test_swiglu_agrees_with_the_formula",
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_equal_scores_choose_no_more_than_top_k",
    "test_an_expert_computes_all_its_tokens_and_no_others",
    "test_gradients_reach_router_and_experts",
    "test_llama_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]
EDIT = ("SwiGLU.forward", "F.silu", "torch.sigmoid")
