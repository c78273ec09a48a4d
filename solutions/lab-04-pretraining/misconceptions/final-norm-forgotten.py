"""The logits are made without the last LayerNorm."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your logits come straight from the residual stream. What stands between the last block and the head of a pre-norm model?",
    "zh": "你的 logits 直接来自残差流。pre-norm 模型在最后一个 Block 和输出之间还有什么？",
}
FAILS = [
    "test_logits_and_gradients_are_those_of_gpt2",
    "test_generated_tokens_follow_the_model",
    "test_a_trained_gpt_beats_pairs_of_letters",
]


class GPT(GPT):
    def forward(self, ids):
        if ids.shape[1] > self.config.n_positions:
            raise ValueError("too long")
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return F.linear(x, self.wte.weight)
