"""Labels are padded with 0, which is a token id like any other."""

HINT = {
    "en": "You pad the labels with 0. For the loss 0 is a token id like any other; it skips only one value.",
    "zh": "标签用 0 填充。对损失函数来说 0 也是一个普通的 token id；它只会跳过一个特定的值。",
}
FAILS = ["test_labels_are_kept_and_padding_is_ignored"]


def collate(examples, pad_id):
    if not examples:
        raise ValueError("no examples")
    longest = max(len(ids) for ids, _ in examples)
    input_ids = torch.full((len(examples), longest), pad_id)
    attention_mask = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, (ids, own) in enumerate(examples):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        attention_mask[row, : len(ids)] = 1
        labels[row, : len(own)] = torch.tensor(own)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
