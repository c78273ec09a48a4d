"""c_attn is taken to hold q, k and v of each head together."""

NOTEBOOK = "architectures"
HINT = {
    "en": "You split c_attn as if q, k and v of head 0 came first, then those of head 1 (GPT-NeoX does that). GPT-2 has all queries first.",
    "zh": "你拆 c_attn 时，以为先是第 0 个头的 q、k、v，再是第 1 个头的（GPT-NeoX 如此）。GPT-2 是先放全部查询。",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def from_hf(self, state_dict):
        heads = self.layers[0].attention.n_heads
        ours = super().from_hf(state_dict)
        for name in [name for name in ours if "q_proj" in name]:
            names = [name.replace("q_proj", f"{part}_proj") for part in "qkv"]
            pieces = torch.cat([ours[part] for part in names]).unflatten(0, (heads, 3, -1))
            for index, part in enumerate(names):
                ours[part] = pieces[:, index].flatten(0, 1)
        return ours
