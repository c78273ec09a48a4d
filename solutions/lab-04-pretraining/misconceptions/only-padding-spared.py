"""Of the special tokens only the first, padding, is spared."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Padding is spared, but [CLS] and [SEP] are asked for, too. All ids of `special` are off limits.",
    "zh": "填充是放过了，但 [CLS] 和 [SEP] 也成了题目。`special` 里的所有 id 都不能碰。",
}
FAILS = [
    "test_special_tokens_are_left_alone",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & (ids != special[0])
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
