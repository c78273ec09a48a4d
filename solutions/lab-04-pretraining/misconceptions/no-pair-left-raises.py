"""Right, but training does not ask whether a pair is left: min of nothing raises an error."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your train_bpe raises an error when no pair is left. Stop there: the vocabulary is then smaller than vocab_size.",
    "zh": "没有相邻对时，你的 train_bpe 会报错。应当在那里停下：词表会比 vocab_size 小。",
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
    while len(merged) < n_merges:
        counts = +counts
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
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
