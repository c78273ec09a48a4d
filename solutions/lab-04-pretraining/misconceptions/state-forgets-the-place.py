"""The state holds the epoch, but not the place in it."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "After load_state_dict you begin the epoch anew. What else does the next batch depend on?",
    "zh": "load_state_dict 之后，你又从这个 epoch 的开头开始了。下一批还取决于什么？",
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
    def load_state_dict(self, state):
        per_epoch = len(self.rows) // self.batch_size
        self.done = state["done"] // per_epoch * per_epoch
