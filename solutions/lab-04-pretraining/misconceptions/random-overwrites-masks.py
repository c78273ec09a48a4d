"""Random tokens are drawn by a second, independent 10 %, also over masks."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Your random tokens take some of the places that were already [MASK]. The three fates exclude each other.",
    "zh": "你的随机 token 占掉了一部分已经变成 [MASK] 的位置。三种结局是互斥的。",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (torch.rand(ids.shape, generator=generator) < 0.1), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
