"""Random tokens are 10 % of what the masks left over, 2 % in all."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "You draw twice: 80 %, then 10 % of the 20 % that are left. How many of the chosen tokens become random ones?",
    "zh": "你抽了两次：先是 80%，再从剩下的 20% 里取 10%。这样，选中的 token 里有多少变成了随机 token？",
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
    inputs = torch.where(chosen & (fate >= 0.98), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
