"""Random tokens also come where nothing was chosen."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Some inputs without a label differ from the ids. You replace tokens that were never chosen.",
    "zh": "有些没有标签的位置，输入也变了。你替换了根本没被选中的 token。",
}
FAILS = [
    "test_labels_are_the_original_tokens",
    "test_special_tokens_are_left_alone",
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
    inputs = torch.where((fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
