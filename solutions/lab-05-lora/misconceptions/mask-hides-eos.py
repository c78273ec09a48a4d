"""attention_mask is ids != pad_id, which also hides the real EOS when the two ids are the same."""

HINT = {
    "en": "Your attention mask finds padding by its id. Here padding and <|im_end|> share an id, so "
    "real ends of turns are hidden as well.",
    "zh": "你是用 id 来判断哪些是填充的。这里填充和 <|im_end|> 的 id 相同，真正的轮次结束标记也被当成填充遮住了。",
}
FAILS = [
    "test_the_mask_covers_every_real_token",
    "test_batches_of_one_of_equals_and_of_none",
]


def collate(examples, pad_id):
    if not examples:
        raise ValueError("no examples")
    longest = max(len(ids) for ids, _ in examples)
    input_ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in examples])
    labels = torch.tensor([labels + [IGNORE_INDEX] * (longest - len(labels)) for _, labels in examples])
    return {"input_ids": input_ids, "attention_mask": (input_ids != pad_id).long(), "labels": labels}
