"""Random tokens are drawn from len(special) upwards, as if special ids were always the first."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "You assume that the special ids are 0, 1, 2, ...: they can be anywhere in the vocabulary, even at its end.",
    "zh": "你默认特殊 token 的 id 就是 0、1、2……其实它们可以在词表的任何地方，甚至在最后。",
}
FAILS = [
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    forbidden = torch.tensor(special)
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(special), vocab_size, ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), drawn, inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
