"""After a merge the counts of the pairs that it broke are not lowered."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "After a merge your old pairs keep their counts: (l, o) still counts where lo has become one token.",
    "zh": "合并之后，旧的相邻对的计数没有减掉：lo 已经是一个 token 了，(l, o) 却还按原来的次数算。",
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
            counts[pair] = 0
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                if new_id in new:
                    counts[new] += weights[word]
                    where[new].add(word)
    return merged
