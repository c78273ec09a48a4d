"""A text of fewer units than a shingle has none."""

NOTEBOOK = "data"
HINT = {
    "en": "In your code a text shorter than a shingle has no shingle, so all short texts are equal. Such a text counts as one shingle.",
    "zh": "比一个 shingle 还短的文本，在你这里没有 shingle，于是短文本全都“相同”。它应当整个算一个 shingle。",
}
FAILS = [
    "test_shingles_and_their_similarity",
    "test_minhash_dedup_finds_planted_near_duplicates",
    "test_decontaminate_takes_out_shared_runs",
]


def shingles(text, size=5):
    found = units(text)
    return {" ".join(found[start : start + size]) for start in range(len(found) - size + 1)}
