"""An expert takes at most its even share of the tokens; the rest is dropped."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your experts have a capacity: when too many tokens choose one, the last ones get nothing. Here no token is dropped.",
    "zh": "你的专家有容量上限：选它的 token 太多时，排在后面的就什么也得不到。这里不允许丢弃 token。",
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
        tokens = x.flatten(0, -2)
        weights, chosen = self.route(tokens)
        output = torch.zeros_like(tokens)
        capacity = -(-len(tokens) * self.top_k // len(self.experts))
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)
            token, place = token[:capacity], place[:capacity]
            output = output.index_add(0, token, weights[token, place, None] * expert(tokens[token]))
        return output.view_as(x)
