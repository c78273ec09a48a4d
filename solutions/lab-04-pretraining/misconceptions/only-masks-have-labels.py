"""Only the tokens that became [MASK] have labels."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "The random tokens and those that stay have no label in your code. But they are there to be asked about.",
    "zh": "随机 token 和保持原样的 token，在你的代码里没有标签。可它们正是要被问到的。",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
    "test_labels_are_the_original_tokens",
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
    "test_every_token_is_drawn_on_its_own",
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
    return inputs, ids.masked_fill(inputs != mask_id, IGNORE)
