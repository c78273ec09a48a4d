"""The loss as the library's binary cross-entropy, tables made by hand, pairs by unfolding a padded document."""

NOTEBOOK = "embeddings"


def skip_gram_pairs(ids, window):
    found = []
    for document in filter(len, ids):
        padded = F.pad(document, (window, window), value=-1)
        for centre, around in zip(document, padded.unfold(0, 2 * window + 1, 1), strict=True):
            around = torch.cat([around[:window], around[window + 1 :]])
            around = around[around >= 0]
            found.append(torch.stack([centre.expand_as(around), around], dim=1))
    return torch.cat(found) if found else torch.empty(0, 2, dtype=torch.int64)


def sgns_loss(centre, positive, negatives):
    scores = torch.cat([positive[:, None], negatives], dim=1).matmul(centre[:, :, None]).squeeze(-1)
    labels = torch.cat([torch.ones_like(scores[:, :1]), torch.zeros_like(scores[:, 1:])], dim=1)
    return F.binary_cross_entropy_with_logits(scores, labels, reduction="none").sum(1).mean()


class SkipGram(nn.Module):
    def __init__(self, vocab_size, d_model):
        super().__init__()
        self.centre = nn.Embedding.from_pretrained((torch.rand(vocab_size, d_model) - 0.5) / d_model, freeze=False)
        self.context = nn.Embedding.from_pretrained(torch.zeros(vocab_size, d_model), freeze=False)

    def forward(self, centres, contexts, negatives):
        return sgns_loss(self.centre(centres), self.context(contexts), self.context(negatives))
