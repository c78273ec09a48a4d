"""What the second expert says overwrites what the first has said, instead of being added."""

NOTEBOOK = "architectures"
HINT = {
    "en": "An expert that comes later overwrites what an earlier one wrote for the same token.",
    "zh": "后面的专家把前面的专家为同一个 token 写下的结果覆盖掉了。",
}
FAILS = [
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]


class MoELayer(MoELayer):
    def forward(self, x):
        tokens = x.flatten(0, -2)
        weights, chosen = self.route(tokens)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)
            output = output.index_copy(0, token, weights[token, place, None] * expert(tokens[token]))
        return output.view_as(x)
