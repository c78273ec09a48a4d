"""mlm_mask seeds its generator, so that it gives the same mask each time."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Two calls give the same mask, whatever the generator. Who sets its seed?",
    "zh": "不管 generator 是什么，两次调用的掩码都一样。种子是谁设的？",
}
FAILS = [
    "test_every_token_is_drawn_on_its_own",
    "test_each_epoch_masks_every_row_anew",
    "test_masked_batches_go_on_where_they_stopped",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    generator.manual_seed(42)
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
