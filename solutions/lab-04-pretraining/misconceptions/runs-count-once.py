"""In aaa the pair (a, a) is counted once: overlapping places are skipped."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "In aaa you count (a, a) once. Every position counts here, also where two overlap.",
    "zh": "aaa 里的 (a, a) 你只算了一次。这里每个位置都算，重叠的也算。",
}
FAILS = ["test_places_that_overlap_or_touch"]


def _places(ids):
    """The pairs of neighbours, without one that overlaps an equal one before it."""
    places, last = [], None
    for i, pair in enumerate(pairwise(ids)):
        if last == (i - 1, pair):
            continue
        places.append(pair)
        last = (i, pair)
    return places


def _merge(words, n_merges):
    tokens, weights = [list(word) for word in words], list(words.values())
    merged = []
    counts, where = Counter(), defaultdict(set)
    for word, ids in enumerate(tokens):
        for pair in _places(ids):
            counts[pair] += weights[word]
            where[pair].add(word)
    while len(merged) < n_merges:
        counts = +counts
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        new_id = 256 + len(merged)
        merged.append(pair)
        for word in where[pair]:
            for old in _places(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in _places(tokens[word]):
                counts[new] += weights[word]
                where[new].add(word)
    return merged
