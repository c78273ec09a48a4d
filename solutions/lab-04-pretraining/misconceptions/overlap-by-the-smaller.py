"""The overlap is divided by the smaller set instead of the union."""

NOTEBOOK = "data"
HINT = {
    "en": "You divide by the smaller set. Then every short text is a full duplicate of the long one that contains it.",
    "zh": "你除以的是较小的集合。这样一来，短文本与任何包含它的长文本都算完全重复。",
}
FAILS = [
    "test_shingles_and_their_similarity",
    "test_minhash_dedup_finds_planted_near_duplicates",
]


def jaccard(a, b):
    if not a and not b:
        return 1.0
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0
