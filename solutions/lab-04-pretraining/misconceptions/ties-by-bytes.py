"""Ties by the bytes of the tokens, the greatest first: the rule of CS336."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Where counts are equal, you compare the bytes of the tokens and take the greatest. Here the ids decide, the smallest first.",
    "zh": "你在平局时比较的是 token 的字节，取最大的。这里比较的是 id，取最小的。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_ties_go_to_the_smallest_ids",
    "test_special_tokens_cut_the_training_text",
]


def _merge(words, n_merges):
    tokens, weights = [list(word) for word in words], list(words.values())
    vocab = {i: bytes([i]) for i in range(256)}
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
        pair = max(counts, key=lambda pair: (counts[pair], vocab[pair[0]], vocab[pair[1]]))
        new_id = 256 + len(merged)
        vocab[new_id] = vocab[pair[0]] + vocab[pair[1]]
        merged.append(pair)
        for word in where[pair]:
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += weights[word]
                where[new].add(word)
    return merged
