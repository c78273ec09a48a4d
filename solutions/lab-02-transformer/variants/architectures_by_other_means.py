"""Tokens sorted by their expert, a window by distances, and parameters fetched by the names they have on the other side."""

NOTEBOOK = "architectures"


class SwiGLU(SwiGLU):
    def forward(self, x):
        gate = F.linear(x, self.gate_proj.weight)
        return F.linear(gate * torch.sigmoid(gate) * F.linear(x, self.up_proj.weight), self.down_proj.weight)


class MoELayer(MoELayer):
    def route(self, x):
        weights, chosen = torch.softmax(self.router(x), dim=-1).sort(dim=-1, descending=True)
        weights, chosen = weights[..., : self.top_k], chosen[..., : self.top_k]
        return weights / weights.sum(-1, keepdim=True), chosen

    def forward(self, x):
        tokens = x.reshape(-1, x.shape[-1])
        weights, chosen = self.route(tokens)
        order = chosen.flatten().argsort(stable=True)
        counts = torch.bincount(chosen.flatten(), minlength=len(self.experts)).tolist()
        parts = tokens.repeat_interleave(self.top_k, 0)[order].split(counts)
        answers = torch.cat([expert(part) for expert, part in zip(self.experts, parts, strict=True)])
        answers = answers[order.argsort()].view(len(tokens), self.top_k, -1)
        return torch.einsum("nk,nkd->nd", weights, answers).reshape(x.shape)


class GPT2(GPT2):
    def from_hf(self, state_dict):
        theirs = {
            "token_embedding": "wte", "position_embedding": "wpe", "norm": "ln_f", "attention_norm": "ln_1",
            "feed_forward_norm": "ln_2", "o_proj": "attn.c_proj", "up_proj": "mlp.c_fc", "down_proj": "mlp.c_proj",
            "q_proj": "attn.c_attn", "k_proj": "attn.c_attn", "v_proj": "attn.c_attn",
        }  # fmt: skip
        ours = {}
        for name, parameter in self.named_parameters():
            *path, part, kind = name.split(".")
            layer = f"h.{path[1]}." if path else ""
            value = state_dict[f"transformer.{layer}{theirs[part]}.{kind}"]
            if part.endswith("_proj"):
                value = value.t() if kind == "weight" else value
            if part[0] in "qkv":
                first = "qkv".index(part[0]) * parameter.shape[0]
                value = value[first : first + parameter.shape[0]]
            ours[name] = value
        return ours


class Llama(Llama):
    def forward(self, ids):
        tokens = torch.arange(ids.shape[1], device=ids.device)
        distance = tokens[:, None] - tokens
        mask = (distance >= 0) & (distance < (self.config.window or len(tokens)))
        x = F.embedding(ids, self.token_embedding.weight)
        for layer in self.layers:
            x = layer(x, mask)
        return F.linear(self.norm(x), self.head.weight)


class MistralMoE(MistralMoE):
    forward = Llama.forward
