"""SiLU is applied to up_proj(x) instead of gate_proj(x)."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Of your two branches the wrong one goes through SiLU: which one is the gate?",
    "zh": "两路之中，你让不该过 SiLU 的那一路过了 SiLU：哪一路才是门？",
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


class SwiGLU(SwiGLU):
    def forward(self, x):
        return self.down_proj(self.gate_proj(x) * F.silu(self.up_proj(x)))
