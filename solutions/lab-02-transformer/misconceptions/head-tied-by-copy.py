"""With config.tied the head gets a copy of the embedding's values, not its parameter."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your tied head has the embedding's values but is another Parameter. It would drift away with the first step of training.",
    "zh": "你的共享输出头只是复制了嵌入的数值，却是另一个 Parameter。训练一步之后两者就不同了。",
}
FAILS = ["test_the_tied_head_of_a_small_smollm2"]


class Llama(Llama):
    def __init__(self, config):
        super().__init__(config)
        if config.tied:
            self.head.weight = nn.Parameter(self.token_embedding.weight.detach().clone())
