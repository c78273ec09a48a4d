"""The seed is set again in every step, so that each step sees the same pairs and the same negatives."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Every step of your training sees the same pairs. Where do you set the seed?",
    "zh": "你训练的每一步看到的都是同样的词对。随机种子是在哪里设的？",
}
FAILS = [
    "test_words_that_share_their_company_come_together",
]


def train_skip_gram(pairs, noise, d_model, n_negatives=5, epochs=2, batch_size=2048, lr=0.01, seed=0):
    torch.manual_seed(seed)
    model = SkipGram(len(noise), d_model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    n_steps = epochs * math.ceil(len(pairs) / batch_size)
    losses = []
    for step in range(n_steps):
        torch.manual_seed(seed)
        optimizer.param_groups[0]["lr"] = lr * (1 - step / n_steps)
        rows = torch.randperm(len(pairs))[:batch_size]
        negatives = torch.multinomial(noise, len(rows) * n_negatives, replacement=True).view(-1, n_negatives)
        loss = model(pairs[rows, 0], pairs[rows, 1], negatives)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses
