"""Every token has its label, chosen or not."""

NOTEBOOK = "pretrain_bert"
HINT = {
    "en": "Tokens that nobody hid have labels as well. The model can read the answer there; what does it then learn?",
    "zh": "没被藏起来的 token 也有标签。答案就摆在眼前，模型能学到什么？",
}
FAILS = [
    "test_the_rates_are_those_of_bert",
    "test_special_tokens_are_left_alone",
    "test_every_token_is_drawn_on_its_own",
    "test_each_epoch_masks_every_row_anew",
    "test_masked_batches_go_on_where_they_stopped",
]


def mlm_mask(ids, special, mask_id, vocab_size, generator, p=0.15):
    vocabulary = torch.arange(vocab_size)
    forbidden = torch.tensor(special)
    ordinary = vocabulary[~torch.isin(vocabulary, forbidden)]
    choice, fate = torch.rand(2, *ids.shape, generator=generator)
    drawn = torch.randint(len(ordinary), ids.shape, generator=generator)
    chosen = (choice < p) & ~torch.isin(ids, forbidden)
    inputs = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    inputs = torch.where(chosen & (fate >= 0.9), ordinary[drawn], inputs)
    return inputs, ids.clone()
