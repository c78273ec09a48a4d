"""Text is generated in train mode, with dropout."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "While your model writes, dropout is still on.",
    "zh": "你的模型写文本时，dropout 还开着。",
}
FAILS = ["test_generated_tokens_follow_the_model"]


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    generator = torch.Generator(ids.device).manual_seed(seed)
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids[:, -context:])[:, -1]
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)
            else:
                new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            ids = torch.cat([ids, new], dim=1)
    return ids
