"""Shingles are runs of characters instead of units."""

NOTEBOOK = "data"
HINT = {
    "en": "Your shingles are runs of characters. Five letters are found in any text; five words are not.",
    "zh": "你的 shingle 是连续的字符。五个字母在哪篇文章里都找得到，五个词就不会。",
}
FAILS = [
    "test_shingles_and_their_similarity",
    "test_minhash_dedup_finds_planted_near_duplicates",
    "test_decontaminate_takes_out_shared_runs",
]


def shingles(text, size=5):
    found = units(text)
    joined = " ".join(found)
    return {joined[start : start + size] for start in range(max(1, len(joined) - size + 1))} if found else set()
