"""The share is 0.15, whatever p says."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "With p = 0.4 you still choose 15 % of the tokens.",
    "zh": "p = 0.4 时，你选中的仍然是 15% 的 token。",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
    "test_special_tokens_are_left_alone",
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
    "test_each_epoch_masks_every_row_anew",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < 0.15) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
