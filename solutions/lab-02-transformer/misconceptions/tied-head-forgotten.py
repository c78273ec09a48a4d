"""from_hf expects lm_head.weight, which the file of a tied model does not have."""

NOTEBOOK = "architectures"
HINT = {
    "en": "Your from_hf has nothing for head.weight when the file has no lm_head.weight. What is a tied head?",
    "zh": "文件里没有 lm_head.weight 时，你的 from_hf 就给不出 head.weight。共享的输出头是什么？",
}
FAILS = ["test_the_tied_head_of_a_small_smollm2"]
EDIT = (
    "Llama.from_hf",
    "ours = {renamed(name, names): value for name, value in state_dict.items()}\n"
    "        if self.config.tied:\n"
    '            ours["head.weight"] = ours["token_embedding.weight"]\n'
    "        return ours",
    "return {renamed(name, names): value for name, value in state_dict.items()}",
)
