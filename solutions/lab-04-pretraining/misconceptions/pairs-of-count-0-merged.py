"""The table of counts is never empty, so pairs whose count has fallen to 0 are merged."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "When no pair is left, you go on with pairs whose count has fallen to 0. They no longer exist: stop there.",
    "zh": "没有相邻对了，你还在合并计数已减到 0 的相邻对。它们已经不存在：应当停下。",
}
FAILS = ["test_the_vocabulary_has_the_size_and_the_order_it_should"]


def _merge(words, n_merges):
    tokens, weights = [list(word) for word in words], list(words.values())
    merged = []
    counts, where = Counter(), defaultdict(set)
    for word, ids in enumerate(tokens):
        for pair in pairwise(ids):
            counts[pair] += weights[word]
            where[pair].add(word)
    while len(merged) < n_merges and counts:
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        new_id = 256 + len(merged)
        merged.append(pair)
        for word in where.pop(pair, ()):
            for old in pairwise(tokens[word]):
                counts[old] -= weights[word]
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += weights[word]
                where[new].add(word)
    return merged
