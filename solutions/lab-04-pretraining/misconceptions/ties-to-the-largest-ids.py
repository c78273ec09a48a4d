"""max over (count, pair): ties go to the largest ids."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Of equally frequent pairs you take the one with the largest ids: max over (count, pair) prefers the youngest tokens.",
    "zh": "次数相同时，你取了 id 最大的：对 (count, pair) 取 max 偏向最新的 token。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_ties_go_to_the_smallest_ids",
    "test_special_tokens_cut_the_training_text",
]


def _merge(words, n_merges):
    tokens, weights = [list(word) for word in words], list(words.values())
    merged = []
    counts, where = Counter(), defaultdict(set)
    for word, ids in enumerate(tokens):
        for pair in pairwise(ids):
            counts[pair] += weights[word]
            where[pair].add(word)
    while len(merged) < n_merges:
        counts = +counts
        if not counts:
            break
        pair = max(counts, key=lambda pair: (counts[pair], pair))
        new_id = 256 + len(merged)
        merged.append(pair)
        for word in where[pair]:
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += weights[word]
                where[new].add(word)
    return merged
