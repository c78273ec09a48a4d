"""The weights keep PyTorch's own initial values."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your weights are as nn.Linear and nn.Embedding make them. With a tied head, embeddings of size 1 make logits of size sqrt(d_model), and a first loss far above log V.",
    "zh": "你的权重还是 nn.Linear 和 nn.Embedding 的默认初始值。输出层与嵌入绑定时，嵌入的量级为 1 会让 logits 的量级达到 sqrt(d_model)，初始损失远高于 log V。",
}
FAILS = ["test_a_new_model_begins_as_gpt2_does"]


class GPT(GPT):
    def __init__(self, config):
        nn.Module.__init__(self)
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.d_model)
        self.wpe = nn.Embedding(config.n_positions, config.d_model)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.ln_f = nn.LayerNorm(config.d_model)
