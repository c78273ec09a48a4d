"""The gate is GELU (GEGLU) instead of SiLU."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your gate is GELU. The curves look alike, but it is another function (GEGLU).",
    "zh": "你的门用的是 GELU。曲线看着很像，却是另一个函数（那叫 GEGLU）。",
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
        return self.down_proj(F.gelu(self.gate_proj(x)) * self.up_proj(x))
