"""Every expert whose score reaches the k-th best is taken: with equal scores more than top_k."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You take every expert that reaches the k-th best score. When scores are equal, that is more than top_k.",
    "zh": "凡是得分达到第 k 名的专家你都收下了。得分相等时，就会超过 top_k 个。",
}
FAILS = ["test_equal_scores_choose_no_more_than_top_k"]


class MoELayer(MoELayer):
    def forward(self, x):
        tokens = x.flatten(0, -2)
        scores = self.router(tokens)
        lowest = scores.topk(self.top_k, dim=-1).values[:, -1:]
        weights = scores.masked_fill(scores < lowest, float("-inf")).softmax(-1)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token = (weights[:, number] > 0).nonzero()[:, 0]
            output = output.index_add(0, token, weights[token, number, None] * expert(tokens[token]))
        return output.view_as(x)
