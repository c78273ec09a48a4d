"""Pairs by plain loops, the loss by softplus, cosine by matrix product, batches by a DataLoader and a schedule by hand."""

NOTEBOOK = "embeddings"


def skip_gram_pairs(ids, window):
    pairs = []
    for document in ids:
        words = document.tolist()
        for i, centre in enumerate(words):
            for j in range(max(0, i - window), min(len(words), i + window + 1)):
                if j != i:
                    pairs.append((centre, words[j]))
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


def keep_probability(counts, threshold=1e-3):
    return torch.minimum(torch.sqrt(threshold * counts.sum() / counts), torch.ones(len(counts)))


def negative_distribution(counts, power=0.75):
    return F.normalize(counts.double().pow(power), p=1, dim=0).float()


def sgns_loss(centre, positive, negatives):
    losses = F.softplus(-torch.einsum("bd,bd->b", centre, positive))
    return (losses + F.softplus(torch.einsum("bd,bkd->bk", centre, negatives)).sum(dim=1)).mean()


def train_skip_gram(pairs, noise, d_model, n_negatives=5, epochs=2, batch_size=2048, lr=0.01, seed=0):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = SkipGram(noise.shape[0], d_model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(pairs), batch_size=batch_size, shuffle=True, generator=generator
    )
    losses, n_steps = [], epochs * len(loader)
    for _ in range(epochs):
        for (batch,) in loader:
            for group in optimizer.param_groups:
                group["lr"] = lr * (1 - len(losses) / n_steps)
            drawn = torch.searchsorted(noise.cumsum(0), torch.rand(len(batch), n_negatives, generator=generator))
            loss = model(batch[:, 0], batch[:, 1], drawn.clamp(max=len(noise) - 1))
            model.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
    return model, losses


def nearest(vectors, word, n=5):
    unit = F.normalize(vectors, dim=1)
    order = (unit @ unit[word]).argsort(descending=True)
    order = order[order != word][:n]
    return order, unit[order] @ unit[word]
