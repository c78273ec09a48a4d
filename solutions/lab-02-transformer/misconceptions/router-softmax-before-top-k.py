"""The softmax goes over all experts, and the weights of the chosen ones are not brought to sum 1."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your softmax goes over all experts before you choose, so the weights of the chosen ones do not sum to 1.",
    "zh": "你先对所有专家做 softmax 再挑选，于是选中专家的权重之和不是 1。",
}
FAILS = [
    "test_the_router_picks_and_weighs",
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_equal_scores_choose_no_more_than_top_k",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]


class MoELayer(MoELayer):
    def route(self, x):
        return self.router(x).softmax(-1).topk(self.top_k, dim=-1)
