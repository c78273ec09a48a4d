"""One choice is made for the whole sequence, from the mean of its tokens."""

NOTEBOOK = "architectures"
HINT = {
    "en": "All tokens of a sequence go to the same experts in your layer. Each token chooses for itself.",
    "zh": "在你的层里，一个序列的所有 token 都去了同样的专家。每个 token 应当各自选择。",
}
FAILS = [
    "test_the_router_picks_and_weighs",
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]


class MoELayer(MoELayer):
    def route(self, x):
        return super().route(x.mean(-2, keepdim=True).expand_as(x))
