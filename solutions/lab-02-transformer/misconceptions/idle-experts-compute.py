"""Every expert computes every token, and what nobody chose is multiplied by 0."""

NOTEBOOK = "architectures"
HINT = {
    "en": "The values are right, but your experts compute all tokens, also those that did not choose them, and you multiply by 0 afterwards. Then a mixture saves nothing.",
    "zh": "数值是对的，但你的专家把没选它的 token 也都算了一遍，事后再乘以 0。这样混合专家就什么也没省下。",
}
FAILS = ["test_an_expert_computes_all_its_tokens_and_no_others"]


class MoELayer(MoELayer):
    def forward(self, x):
        weights, chosen = self.route(x)
        dense = torch.zeros(*x.shape[:-1], len(self.experts)).scatter(-1, chosen, weights)
        return sum(dense[..., i, None] * expert(x) for i, expert in enumerate(self.experts))
