"""The range of the shingles ends one too early."""

NOTEBOOK = "data"
HINT = {
    "en": "The last run of units is missing: how many runs of 5 are there in 6 units?",
    "zh": "最后一串单位漏掉了：6 个单位里有几串连续的 5 个？",
}
FAILS = [
    "test_shingles_and_their_similarity",
    "test_decontaminate_takes_out_shared_runs",
]
EDIT = ("shingles", "size + 1", "size")
