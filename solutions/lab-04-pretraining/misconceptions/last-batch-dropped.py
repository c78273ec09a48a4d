"""Pairs that do not fill a batch are left out of every epoch."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "Each of your epochs is one step short: what happens to the pairs that do not fill a batch?",
    "zh": "你的每个 epoch 少了一步：凑不满一批的那些词对去哪了？",
}
FAILS = [
    "test_words_that_share_their_company_come_together",
]


def train_skip_gram(pairs, noise, d_model, n_negatives=5, epochs=2, batch_size=2048, lr=0.01, seed=0):
    torch.manual_seed(seed)
    model = SkipGram(len(noise), d_model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    n_steps = epochs * (len(pairs) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=n_steps)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(pairs))
        for start in range(0, len(pairs) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            negatives = torch.multinomial(noise, len(rows) * n_negatives, replacement=True).view(-1, n_negatives)
            loss = model(pairs[rows, 0], pairs[rows, 1], negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return model, losses
