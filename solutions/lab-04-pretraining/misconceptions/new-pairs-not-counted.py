"""Pairs with the new token never enter the table: no token gets longer than two bytes."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "No token of yours is longer than two bytes: pairs with a merged token are never counted.",
    "zh": "你的 token 没有超过两个字节的：含有新 token 的相邻对从来没有被计数。",
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
        for word in where[pair]:
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
    return merged
