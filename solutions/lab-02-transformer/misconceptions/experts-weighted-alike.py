"""The chosen experts are averaged; the router's weights are not used."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You average the outputs of the chosen experts. Each has a weight of its own for this token.",
    "zh": "你把选中专家的输出直接取了平均。对这个 token，每个专家各有自己的权重。",
}
FAILS = [
    "test_the_router_picks_and_weighs",
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]


class MoELayer(MoELayer):
    def route(self, x):
        chosen = self.router(x).topk(self.top_k, dim=-1).indices
        return torch.full(chosen.shape, 1 / self.top_k), chosen
