"""Training stops where the most frequent pair occurs only once."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You stop as soon as the best pair occurs only once. Here it goes on until the vocabulary is full or no pair is left.",
    "zh": "最好的相邻对只出现一次时，你就停了。这里要一直做到词表装满，或者再也没有相邻对。",
}
FAILS = ["test_the_vocabulary_has_the_size_and_the_order_it_should"]


def _merge(words, n_merges):
    tokens = {word: list(word) for word in words}
    counts, where = Counter(), defaultdict(set)
    for word, ids in tokens.items():
        for pair in pairwise(ids):
            counts[pair] += words[word]
            where[pair].add(word)
    merged = []
    while len(merged) < n_merges:
        pair = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if pair is None or counts[pair] < 2:
            break
        for word in where.pop(pair):
            for old in pairwise(tokens[word]):
                counts[old] -= words[word]
            tokens[word] = merge_pair(tokens[word], pair, 256 + len(merged))
            for new in pairwise(tokens[word]):
                counts[new] += words[word]
                where[new].add(word)
        merged.append(pair)
    return merged
