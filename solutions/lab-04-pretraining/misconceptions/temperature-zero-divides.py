"""Temperature 0 is divided by."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "At temperature 0 you divide by 0. It stands for the likeliest token.",
    "zh": "温度为 0 时你除以了 0。它的意思是取最可能的 token。",
}
FAILS = ["test_generated_tokens_follow_the_model"]
EDIT = (
    "generate",
    "if temperature == 0:\n"
    "                new = logits.argmax(-1, keepdim=True)\n"
    "            else:\n"
    "                new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)",
    "new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)",
)
