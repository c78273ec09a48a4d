"""collate with PyTorch's pad_sequence, the mask from a comparison of positions with lengths."""

from torch.nn.utils.rnn import pad_sequence


def collate(examples, pad_id):
    if len(examples) == 0:
        raise ValueError("there is nothing to collate")
    ids, labels = ([torch.tensor(values) for values in column] for column in zip(*examples, strict=True))
    lengths = torch.tensor([len(row) for row in ids])
    input_ids = pad_sequence(ids, batch_first=True, padding_value=pad_id)
    mask = torch.arange(input_ids.shape[1])[None, :] < lengths[:, None]
    return {
        "input_ids": input_ids,
        "attention_mask": mask.long(),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }
