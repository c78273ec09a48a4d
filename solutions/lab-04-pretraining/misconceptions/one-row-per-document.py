"""Each document begins a row of its own and is filled up or cut."""

NOTEBOOK = "data"
HINT = {
    "en": "One document a row: that is padding and cutting, not packing. The stream goes on across the ends of rows.",
    "zh": "一篇文档占一行，这是填充加截断，不是打包。整条流应当跨行连续。",
}
FAILS = [
    "test_pack_loses_and_repeats_no_token",
]


def pack(docs, seq_len, eos_id):
    docs = [(index, [*tokens, eos_id][:seq_len]) for index, tokens in enumerate(docs) if tokens]
    ids = [tokens + [eos_id] * (seq_len - len(tokens)) for _, tokens in docs]
    document = [[index] * len(tokens) + [-1] * (seq_len - len(tokens)) for index, tokens in docs]
    shape = (-1, seq_len)
    return torch.tensor(ids, dtype=torch.int64).view(shape), torch.tensor(document, dtype=torch.int64).view(shape)
