"""New pairs are counted, but the index does not learn in which words they are."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You count the new pairs, but your index does not say which words have them, so they are never merged in the words.",
    "zh": "新的相邻对计了数，但索引里没有记下哪些词含有它们，所以在词里从来没有真正合并。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_places_that_overlap_or_touch",
    "test_ties_go_to_the_smallest_ids",
    "test_special_tokens_cut_the_training_text",
    "test_the_vocabulary_has_the_size_and_the_order_it_should",
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
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        new_id = 256 + len(merged)
        merged.append(pair)
        counts[pair] = 0  # or it would be chosen for ever
        for word in where[pair]:
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += weights[word]
    return merged
