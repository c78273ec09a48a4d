"""Both documents of a near-duplicate pair are dropped."""

NOTEBOOK = "data"
HINT = {
    "en": "You drop both documents of a pair. The first of each cluster stays.",
    "zh": "一对近似重复，你两篇都删了。每个簇的第一篇应当留下。",
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
    gone = set(itertools.chain(*pairs))
    return [index for index in range(len(docs)) if index not in gone]
