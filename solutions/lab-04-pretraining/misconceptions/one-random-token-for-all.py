"""One random token is drawn and serves for the whole batch."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "All random tokens of a batch are the same one. Draw one for each place.",
    "zh": "同一批里的随机 token 全都一样。应当每个位置各抽一个。",
}
FAILS = [
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
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn[0, 0]], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
