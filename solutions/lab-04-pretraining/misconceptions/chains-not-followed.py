"""A document is dropped only if it is near to one that was kept."""

NOTEBOOK = "data"
HINT = {
    "en": "A ~ B and B ~ C put A, B and C into one cluster. You compare C with what you have kept, and B is no longer there.",
    "zh": "A ~ B 且 B ~ C，则 A、B、C 同属一簇。你只拿 C 与已保留的文档比较，而 B 已经不在其中了。",
}
FAILS = [
    "test_minhash_dedup_finds_planted_near_duplicates",
]


def minhash_dedup(docs, threshold, n_hashes=128, bands=32, seed=0, size=5):
    if not docs:
        return []
    sets = [shingles(text, size) for text in docs]
    signatures = torch.stack([minhash(found, n_hashes, seed) for found in sets])
    pairs = [(i, j) for i, j in candidates(signatures, bands) if jaccard(sets[i], sets[j]) >= threshold]
    kept = []
    for index in range(len(docs)):
        if not any(j == index and i in kept for i, j in pairs):
            kept.append(index)
    return kept
