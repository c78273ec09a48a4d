"""Labels are padded with pad_id like the ids, so padding is trained."""

HINT = {
    "en": "You pad the labels with the same id as the tokens: the model is trained to go on writing padding.",
    "zh": "标签用了和 token 一样的填充 id：模型会被训练成一直输出填充符。",
}
FAILS = ["test_labels_are_kept_and_padding_is_ignored"]


def collate(examples, pad_id):
    if not examples:
        raise ValueError("no examples")
    longest = max(len(ids) for ids, _ in examples)
    input_ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in examples])
    attention_mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in examples])
    labels = torch.tensor([labels + [pad_id] * (longest - len(labels)) for _, labels in examples])
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
