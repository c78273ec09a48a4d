"""The 20 % that are not masked are all replaced by random tokens."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "None of your chosen tokens stays as it is. Then a visible token that is asked about is always wrong.",
    "zh": "你选中的 token 没有一个保持原样。那么凡是被问到、又没遮住的 token，就一定是错的。",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.8), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
