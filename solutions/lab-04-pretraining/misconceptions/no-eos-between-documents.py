"""Documents follow each other without an end of sequence."""

NOTEBOOK = "data"
HINT = {
    "en": "Nothing tells the model where one document ends and the next begins. Each is followed by the EOS.",
    "zh": "没有任何东西告诉模型一篇在哪里结束、下一篇从哪里开始。每篇后面都要有 EOS。",
}
FAILS = [
    "test_pack_loses_and_repeats_no_token",
]


def pack(docs, seq_len, eos_id):
    ids, document = [], []
    for index, tokens in enumerate(docs):
        if tokens:
            ids += tokens
            document += [index] * len(tokens)
    missing = -len(ids) % seq_len
    ids += [eos_id] * missing
    document += [-1] * missing
    shape = (-1, seq_len)
    return torch.tensor(ids, dtype=torch.int64).view(shape), torch.tensor(document, dtype=torch.int64).view(shape)
