"""All experts answer for every token, each with its softmax weight."""

NOTEBOOK = "architectures"
HINT = {
    "en": "In your layer every expert contributes to every token. Only top_k of them should.",
    "zh": "在你的层里，每个专家都参与了每个 token 的结果。应当只有 top_k 个参与。",
}
FAILS = [
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_equal_scores_choose_no_more_than_top_k",
    "test_an_expert_computes_all_its_tokens_and_no_others",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]


class MoELayer(MoELayer):
    def forward(self, x):
        weights = self.router(x).softmax(-1)
        return sum(weights[..., i, None] * expert(x) for i, expert in enumerate(self.experts))
