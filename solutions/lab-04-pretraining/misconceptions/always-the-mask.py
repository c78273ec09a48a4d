"""Every chosen token becomes [MASK]."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "All chosen tokens become [MASK]. In use there is no [MASK]: what should the other 20 % be?",
    "zh": "选中的 token 全变成了 [MASK]。真正使用时可没有 [MASK]：另外 20% 应当怎样？",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    forbidden = torch.tensor(special)
    choice = torch.rand(2, *ids.shape, generator=generator)[0]
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen, mask_id)
    return inputs, ids.masked_fill(~chosen, IGNORE)
