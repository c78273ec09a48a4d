"""Each batch takes random rows, so that an epoch misses some and repeats others."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Within one epoch some rows come twice and others never. Shuffle once, then take slices.",
    "zh": "在一个 epoch 里，有的行来了两次，有的一次没来。应当打乱一次，再依次切片。",
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
    def next_batch(self):
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed + self.done)
        order = torch.randint(len(self.rows), (self.batch_size,), generator=shuffle)
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.done)
        self.done += 1
        return mlm_mask(self.rows[order], generator=generator, **self.masking)
