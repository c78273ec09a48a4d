"""The seed goes to PyTorch's global generator, which training draws its dropout from."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Each sample you take resets PyTorch's global random generator: a run in which you look at samples is no longer the run in which you do not.",
    "zh": "每抽一次样，你就重置了 PyTorch 的全局随机数发生器：看样本的训练和不看样本的训练，结果就不一样了。",
}
FAILS = ["test_generated_tokens_follow_the_model"]


def generate(model, ids, n_new, context, temperature=1.0, seed=0):
    torch.manual_seed(seed)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(n_new):
            logits = model(ids[:, -context:])[:, -1]
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)
            else:
                new = torch.multinomial((logits / temperature).softmax(-1), 1)
            ids = torch.cat([ids, new], dim=1)
    model.train(was_training)
    return ids
