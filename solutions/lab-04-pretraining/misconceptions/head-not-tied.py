"""The logits come from a matrix of their own."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your model has one matrix more than GPT-2: the logits should come from the embedding of the tokens itself.",
    "zh": "你的模型比 GPT-2 多一个矩阵：logits 应当直接由 token 的嵌入矩阵得到。",
}
FAILS = [
    "test_logits_and_gradients_are_those_of_gpt2",
    "test_generated_tokens_follow_the_model",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.02)

    def forward(self, ids):
        if ids.shape[1] > self.config.n_positions:
            raise ValueError("too long")
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))
