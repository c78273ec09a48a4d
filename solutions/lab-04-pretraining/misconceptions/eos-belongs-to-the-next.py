"""The end of sequence gets the index of the document after it."""

NOTEBOOK = "data"
HINT = {
    "en": "Your EOS belongs to the document that FOLLOWS it. Under a block-diagonal mask it could then not see what it ends.",
    "zh": "你的 EOS 归到了**后一篇**文档。用上块对角掩码，它就看不见自己所结束的那一篇了。",
}
FAILS = [
    "test_pack_loses_and_repeats_no_token",
]


def pack(docs, seq_len, eos_id):
    ids, document = [], []
    for index, tokens in enumerate(docs):
        if tokens:
            ids += [*tokens, eos_id]
            document += [index] * len(tokens) + [index + 1]
    missing = -len(ids) % seq_len
    ids += [eos_id] * missing
    document += [-1] * missing
    shape = (-1, seq_len)
    return torch.tensor(ids, dtype=torch.int64).view(shape), torch.tensor(document, dtype=torch.int64).view(shape)
