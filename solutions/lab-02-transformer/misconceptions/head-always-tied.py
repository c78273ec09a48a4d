"""The head is the token embedding, whatever the config says."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your head is always the token embedding. Where the config does not tie them, the head has a matrix of its own.",
    "zh": "你的输出头总是用 token 嵌入。配置里没说共享时，输出头有自己的矩阵。",
}
FAILS = ["test_llama_agrees_with_hugging_face"]


class Llama(Llama):
    def __init__(self, config):
        super().__init__(config)
        self.head.weight = self.token_embedding.weight

    def from_hf(self, state_dict):
        ours = super().from_hf(state_dict)
        return {**ours, "head.weight": ours["token_embedding.weight"]}
