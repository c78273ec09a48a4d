"""The text is shown to the model whole, however long it is."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your model is shown the whole text. What happens when it is longer than the model's positions?",
    "zh": "你把整段文本都给模型看了。文本比模型的位置数还长时会怎样？",
}
FAILS = ["test_generated_tokens_follow_the_model"]


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    generator = torch.Generator(ids.device).manual_seed(seed)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids)[:, -1]
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)
            else:
                new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            ids = torch.cat([ids, new], dim=1)
    model.train(was_training)
    return ids
