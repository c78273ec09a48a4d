"""The order is drawn from the seed alone, and comes back in each epoch."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Every epoch visits the rows in the same order. What should the order depend on besides the seed?",
    "zh": "每个 epoch 访问各行的顺序都一样。除了种子，顺序还应当取决于什么？",
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
        place = self.done % (len(self.rows) // self.batch_size)
        shuffle = torch.Generator().manual_seed(1_000_003 * self.seed)
        order = torch.randperm(len(self.rows), generator=shuffle)[place * self.batch_size :][: self.batch_size]
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.done)
        self.done += 1
        return mlm_mask(self.rows[order], generator=generator, **self.masking)
