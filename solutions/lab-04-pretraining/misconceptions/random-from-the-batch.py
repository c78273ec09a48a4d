"""Random tokens are taken from other places of the batch, so they are as frequent as in the text."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "You take random tokens from the batch itself: frequent ones come often, and a word that the batch lacks never comes.",
    "zh": "你的随机 token 取自这一批本身：常见的来得多，这一批里没有的永远不来。",
}
FAILS = [
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    forbidden = torch.tensor(special)
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = ids.flatten()[torch.randperm(ids.numel(), generator=generator)].view(ids.shape)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), drawn, inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
