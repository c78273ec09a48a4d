"""All bands fall into the same buckets."""

NOTEBOOK = "data"
HINT = {
    "en": "The first band of one document meets the second band of another in one bucket. Each band needs buckets of its own.",
    "zh": "一篇的第一段与另一篇的第二段落进了同一个桶。每一段都要有自己的桶。",
}
FAILS = [
    "test_candidates_agree_in_a_whole_band",
]


def candidates(signatures, bands):
    if signatures.shape[1] % bands:
        raise ValueError("the bands do not fit")
    buckets = defaultdict(set)
    for band in signatures.chunk(bands, dim=1):
        for index, rows in enumerate(band.tolist()):
            buckets[tuple(rows)].add(index)
    return sorted({pair for bucket in buckets.values() for pair in itertools.combinations(sorted(bucket), 2)})
