"""Masks come from a generator that the state does not hold: rows go on, masks do not."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "After load_state_dict the rows are right, but their masks are not the same. Is the state of your generator in state_dict?",
    "zh": "load_state_dict 之后，行是对的，掩码却变了。generator 的状态在 state_dict 里吗？",
}
FAILS = [
    "test_masked_batches_go_on_where_they_stopped",
]


# The mask itself is right; it is here because its replies are those of the batches.
def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)


class MaskedBatches(MaskedBatches):
    def __init__(self, rows, special, mask_id, vocab_size, batch_size, seed=0, p=0.15):
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.masking = {"special": special, "mask_id": mask_id, "vocab_size": vocab_size, "p": p}
        self.done = 0
        self.generator = torch.Generator().manual_seed(seed)

    def next_batch(self):
        epoch, place = divmod(self.done, len(self.rows) // self.batch_size)
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self.rows), generator=shuffle)[place * self.batch_size :][: self.batch_size]
        self.done += 1
        return mlm_mask(self.rows[order], generator=self.generator, **self.masking)
