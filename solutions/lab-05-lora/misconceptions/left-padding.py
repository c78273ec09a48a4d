"""Padding stands on the left, as for batched generation."""

HINT = {
    "en": "You pad on the left. That is right for generating in batches; for training this lab asks "
    "for the tokens first and the padding after them.",
    "zh": "你填充在了左边。批量生成时应当这样；而这里的训练要求 token 在前、填充在后。",
}
FAILS = [
    "test_ids_are_padded_on_the_right",
    "test_the_mask_covers_every_real_token",
    "test_labels_are_kept_and_padding_is_ignored",
]


def collate(examples, pad_id):
    if not examples:
        raise ValueError("no examples")
    longest = max(len(ids) for ids, _ in examples)
    input_ids = torch.tensor([[pad_id] * (longest - len(ids)) + ids for ids, _ in examples])
    attention_mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids, _ in examples])
    labels = torch.tensor([[IGNORE_INDEX] * (longest - len(labels)) + labels for _, labels in examples])
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
