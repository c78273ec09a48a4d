"""The optimizer gets the parameters of one table."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "One of your two tables is still what it was at first. Which parameters did the optimizer get?",
    "zh": "你的两张表里有一张还是最初的样子。优化器拿到的是哪些参数？",
}
FAILS = [
    "test_words_that_share_their_company_come_together",
]


def train_skip_gram(pairs, noise, d_model, n_negatives=5, epochs=2, batch_size=2048, lr=0.01, seed=0):
    torch.manual_seed(seed)
    model = SkipGram(len(noise), d_model)
    optimizer = torch.optim.Adam(model.centre.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(pairs)).split(batch_size):
            negatives = torch.multinomial(noise, len(rows) * n_negatives, replacement=True).view(-1, n_negatives)
            loss = model(pairs[rows, 0], pairs[rows, 1], negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return model, losses
