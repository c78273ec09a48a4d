"""In each row exactly 15 % of the places are taken, instead of each with probability p."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "In every row you take the same number of places. Each token is to be chosen on its own, with probability p.",
    "zh": "你在每一行取的个数都一样。应当是每个 token 各自以概率 p 被选中。",
}
FAILS = [
    "test_every_token_is_drawn_on_its_own",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice.argsort(1).argsort(1) < round(p * ids.shape[1])) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
