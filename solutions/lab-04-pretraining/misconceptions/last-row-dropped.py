"""What does not fill a whole row is dropped."""

NOTEBOOK = "data"
HINT = {
    "en": "The tokens that do not fill a row are lost. Fill the last row up instead.",
    "zh": "凑不满一行的 token 被丢掉了。应当把最后一行补齐。",
}
FAILS = [
    "test_pack_loses_and_repeats_no_token",
]


def pack(docs, seq_len, eos_id):
    ids, document = [], []
    for index, tokens in enumerate(docs):
        if tokens:
            ids += [*tokens, eos_id]
            document += [index] * (len(tokens) + 1)
    whole = len(ids) // seq_len * seq_len
    ids, document = ids[:whole], document[:whole]
    shape = (-1, seq_len)
    return torch.tensor(ids, dtype=torch.int64).view(shape), torch.tensor(document, dtype=torch.int64).view(shape)
