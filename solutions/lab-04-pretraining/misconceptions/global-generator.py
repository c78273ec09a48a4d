"""The draws come from the global generator of torch."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "The same generator state gives another mask each time: your draws do not come from the generator that is given.",
    "zh": "generator 的状态相同，掩码却每次不同：你的随机数没有取自传入的 generator。",
}
FAILS = [
    "test_every_token_is_drawn_on_its_own",
    "test_masked_batches_go_on_where_they_stopped",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape)
    drawn = torch.randint(len(ordinary), ids.shape)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
