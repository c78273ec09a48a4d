"""The labels are read from the damaged inputs."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Your labels say [MASK] where a token was hidden. When do you read them: before or after the replacement?",
    "zh": "被藏起来的位置，你的标签写的是 [MASK]。标签是在替换之前取的，还是之后？",
}
FAILS = [
    "test_labels_are_the_original_tokens",
    "test_each_epoch_masks_every_row_anew",
    "test_masked_batches_go_on_where_they_stopped",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, inputs.masked_fill(~chosen, IGNORE)
