"""Candidate pairs are taken for near-duplicates without looking at their similarity."""

NOTEBOOK = "data"
HINT = {
    "en": "You trust the candidates. Many of them are only somewhat similar: verify each pair by its exact similarity.",
    "zh": "你直接相信了候选对。其中不少只是有点像：每一对都要用精确相似度核实。",
}
FAILS = [
    "test_minhash_dedup_finds_planted_near_duplicates",
]


def minhash_dedup(docs, threshold, n_hashes=128, bands=32, seed=0, size=5):
    if not docs:
        return []
    sets = [shingles(text, size) for text in docs]
    signatures = torch.stack([minhash(found, n_hashes, seed) for found in sets])
    pairs = [(i, j) for i, j in candidates(signatures, bands)]
    gone = {j for _, j in pairs}
    return [index for index in range(len(docs)) if index not in gone]
