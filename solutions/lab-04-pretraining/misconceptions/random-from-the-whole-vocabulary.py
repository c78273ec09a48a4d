"""Random tokens may be special ones."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Now and then a [PAD] or [CLS] stands in the middle of your text. Which ids may a random token be?",
    "zh": "你的正文中间偶尔会冒出 [PAD] 或 [CLS]。随机 token 可以取哪些 id？",
}
FAILS = [
    "test_random_tokens_are_uniform_over_the_ordinary_ones",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    forbidden = torch.tensor(special)
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(vocab_size, ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), drawn, inputs)
    return inputs, ids.masked_fill(~chosen, IGNORE)
