"""Labels are ignored wherever the token is pad_id, so the real EOS is never learnt."""

HINT = {
    "en": "You ignore every label whose token is pad_id. <|im_end|> has that id too, so the model "
    "never learns to stop.",
    "zh": "凡是 id 等于 pad_id 的位置，你都忽略了标签。<|im_end|> 也是这个 id，于是模型永远学不会停。",
}
FAILS = [
    "test_labels_are_kept_and_padding_is_ignored",
    "test_batches_of_one_of_equals_and_of_none",
]


def collate(examples, pad_id):
    if not examples:
        raise ValueError("no examples")
    longest = max(len(ids) for ids, _ in examples)
    input_ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in examples])
    attention_mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in examples])
    labels = torch.tensor([labels + [pad_id] * (longest - len(labels)) for _, labels in examples])
    labels[input_ids == pad_id] = IGNORE_INDEX
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
