"""The mask does not look at the documents."""

NOTEBOOK = "data"
HINT = {
    "en": "Your mask is only causal: each document still sees the ones before it in its row.",
    "zh": "你的掩码只是因果的：每篇文档仍能看到同一行里在它之前的文档。",
}
FAILS = [
    "test_packed_mask_is_causal_within_a_document",
]


def packed_mask(document):
    n, t = document.shape
    return torch.ones(n, t, t, dtype=torch.bool).tril()
