"""The perplexity by PyTorch's cross-entropy, the probabilities by logsumexp."""


def probabilities(logits, temperature=1.0):
    if not temperature > 0:
        raise ValueError(f"a temperature of {temperature}")
    scaled = logits / temperature
    return (scaled - scaled.logsumexp(-1, keepdim=True)).exp()


def perplexity(logits, targets):
    return float(F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)).exp())
