"""Fates by bernoulli and where, random tokens by rejection, the loss by hand, one generator whose state is saved."""

NOTEBOOK = "pretrain_bert"


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    chances = torch.full(ids.shape, p)
    for token in special:
        chances[ids == token] = 0.0
    chosen = torch.bernoulli(chances, generator=generator).bool()
    labels = torch.where(chosen, ids, IGNORE)
    inputs = ids.clone()
    masked = chosen & torch.bernoulli(torch.full(ids.shape, 0.8), generator=generator).bool()
    inputs[masked] = mask_id
    replaced = chosen & ~masked & torch.bernoulli(torch.full(ids.shape, 0.5), generator=generator).bool()
    allowed = torch.ones(vocab_size)
    allowed[special] = 0.0
    n = int(replaced.sum())
    if n:
        inputs[replaced] = torch.multinomial(allowed, n, replacement=True, generator=generator)
    return inputs, labels


def mlm_loss(logits, labels):
    chosen = labels != IGNORE
    if not chosen.any():
        return 0.0 * logits.sum()
    log_probs = logits[chosen].log_softmax(-1)
    return -log_probs.gather(1, labels[chosen][:, None]).mean()


class MaskedBatches:
    def __init__(self, rows, special, mask_id, vocab_size, batch_size, seed=0, p=0.15):
        self.rows, self.batch_size = rows, batch_size
        self.arguments = special, mask_id, vocab_size
        self.p = p
        self.generator = torch.Generator().manual_seed(seed)
        self.order, self.place = torch.randperm(len(rows), generator=self.generator), 0

    def next_batch(self):
        if self.place + self.batch_size > len(self.rows):
            self.order, self.place = torch.randperm(len(self.rows), generator=self.generator), 0
        batch = self.rows[self.order[self.place : self.place + self.batch_size]]
        self.place += self.batch_size
        return mlm_mask(batch, *self.arguments, self.generator, self.p)

    def state_dict(self):
        return {"place": self.place, "order": self.order, "random": self.generator.get_state()}

    def load_state_dict(self, state):
        self.place, self.order = state["place"], state["order"]
        self.generator.set_state(state["random"])
