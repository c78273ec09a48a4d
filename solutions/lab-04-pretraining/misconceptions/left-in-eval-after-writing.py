"""After generating, the model stays in eval mode."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "After your generate, a model that was being trained stays in eval mode: dropout is off for the rest of the run.",
    "zh": "生成之后，原本正在训练的模型停在了 eval 模式：后面的训练就没有 dropout 了。",
}
FAILS = ["test_generated_tokens_follow_the_model"]


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    generator = torch.Generator(ids.device).manual_seed(seed)
    model.eval()
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids[:, -context:])[:, -1]
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)
            else:
                new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            ids = torch.cat([ids, new], dim=1)
    return ids
