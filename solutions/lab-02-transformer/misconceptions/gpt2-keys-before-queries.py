"""c_attn is split in the order key, query, value."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your queries are Hugging Face's keys: in which order does c_attn hold the three?",
    "zh": "你的查询成了 Hugging Face 的键：c_attn 里三者是什么次序？",
}
FAILS = ["test_gpt2_agrees_with_hugging_face"]


class GPT2(GPT2):
    def from_hf(self, state_dict):
        swap = {"q_proj": "k_proj", "k_proj": "q_proj"}
        ours = {}
        for name, value in super().from_hf(state_dict).items():
            kind = next((part for part in swap if part in name), None)
            ours[name.replace(kind, swap[kind]) if kind else name] = value
        return ours
