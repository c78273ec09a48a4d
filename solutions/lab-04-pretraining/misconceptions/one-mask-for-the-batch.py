"""The chosen places are drawn once and are the same in each row."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Each row of your batch has its gaps at the same places. Every token is drawn on its own.",
    "zh": "你的一批数据里，每一行的空位都在相同的位置。每个 token 应当独立抽取。",
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
    chosen = (choice[:1].argsort().argsort() < round(p * ids.shape[1])) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
