"""Static masking: the rows are masked once, and each epoch shows the same gaps."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "In every epoch a row has the same gaps. When is the mask drawn: when the data is made, or when a row is read?",
    "zh": "每个 epoch 里，同一行的空位都一样。掩码是造数据时抽的，还是读到这一行时才抽的？",
}
FAILS = [
    "test_each_epoch_masks_every_row_anew",
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
        generator = torch.Generator().manual_seed(seed)
        self.masked = mlm_mask(rows, generator=generator, **self.masking)

    def next_batch(self):
        epoch, place = divmod(self.done, len(self.rows) // self.batch_size)
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self.rows), generator=shuffle)[place * self.batch_size :][: self.batch_size]
        self.done += 1
        return tuple(part[order] for part in self.masked)
