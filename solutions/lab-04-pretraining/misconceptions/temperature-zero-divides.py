"""Temperature 0 is divided by."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "At temperature 0 you divide by 0. It stands for the likeliest token.",
    "zh": "温度为 0 时你除以了 0。它的意思是取最可能的 token。",
}
FAILS = ["test_generated_tokens_follow_the_model"]


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    generator = torch.Generator(ids.device).manual_seed(seed)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids[:, -context:])[:, -1]
            new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            ids = torch.cat([ids, new], dim=1)
    model.train(was_training)
    return ids
