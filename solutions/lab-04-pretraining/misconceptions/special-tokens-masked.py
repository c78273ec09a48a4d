"""Any token can be chosen, special ones and padding too."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Look at a batch that is mostly padding: your model is asked to predict [PAD]. Which tokens may never be chosen?",
    "zh": "拿一批大部分是填充的数据看看：你的模型被要求预测 [PAD]。哪些 token 绝不能被选中？",
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
    chosen = choice < p
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
