"""Projections into the residual stream begin as large as all others."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Every c_proj adds to the same stream, 2 n_layers of them. Yours begin with 0.02, so a deeper model begins with a larger stream.",
    "zh": "每个 c_proj 都往同一条残差流里加东西，一共 2 n_layers 个。你的都从 0.02 开始，于是模型越深，初始的残差流就越大。",
}
FAILS = ["test_a_new_model_begins_as_gpt2_does"]


class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02)
