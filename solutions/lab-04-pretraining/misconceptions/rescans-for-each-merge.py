"""All pairs of all words are counted anew for each merge: right, and far too slow."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "For each merge you count all pairs of all words anew. Keep the counts, and an index of which words have which pair.",
    "zh": "每合并一次，你都把所有词的所有相邻对重新数了一遍。把计数留着，再建一个“哪个相邻对在哪些词里”的索引。",
}
FAILS = ["test_the_time_of_training_hardly_grows_with_merges"]


def _merge(words, n_merges):
    tokens = {word: list(word) for word in words}
    merged = []
    while len(merged) < n_merges:
        counts = Counter()
        for word, ids in tokens.items():
            for pair in pairwise(ids):
                counts[pair] += words[word]
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        tokens = {word: merge_pair(ids, pair, 256 + len(merged)) for word, ids in tokens.items()}
        merged.append(pair)
    return merged
