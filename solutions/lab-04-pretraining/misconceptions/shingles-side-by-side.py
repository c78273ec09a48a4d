"""The text is cut into pieces of 5 units instead of overlapping runs."""

NOTEBOOK = "data"
HINT = {
    "en": "Your shingles do not overlap. One word inserted at the beginning then shifts all of them, and nothing is similar any more.",
    "zh": "你的 shingle 互不重叠。这样只要在开头插入一个词，后面全部错位，就再也找不到相似之处了。",
}
FAILS = [
    "test_shingles_and_their_similarity",
    "test_minhash_dedup_finds_planted_near_duplicates",
    "test_decontaminate_takes_out_shared_runs",
]


def shingles(text, size=5):
    found = units(text)
    return {" ".join(found[start : start + size]) for start in range(0, len(found), size)}
