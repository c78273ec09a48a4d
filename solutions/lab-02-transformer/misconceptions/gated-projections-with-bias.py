"""The three projections of SwiGLU have biases."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your SwiGLU has biases. Llama's linear layers have none.",
    "zh": "你的 SwiGLU 带了偏置。Llama 的线性层都没有偏置。",
}
FAILS = [
    "test_swiglu_agrees_with_the_formula",
    "test_the_router_picks_and_weighs",
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_equal_scores_choose_no_more_than_top_k",
    "test_an_expert_computes_all_its_tokens_and_no_others",
    "test_gradients_reach_router_and_experts",
    "test_llama_agrees_with_hugging_face",
    "test_llama_does_not_see_the_future",
    "test_the_tied_head_of_a_small_smollm2",
    "test_mixtral_agrees_with_hugging_face",
]


class SwiGLU(SwiGLU):
    def __init__(self, d_model, d_ff):
        super().__init__(d_model, d_ff)
        self.gate_proj = nn.Linear(d_model, d_ff)
        self.up_proj = nn.Linear(d_model, d_ff)
        self.down_proj = nn.Linear(d_ff, d_model)
