"""A word that stands in the text a hundred times counts as one."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Each different word counts once in your training, however often the text has it.",
    "zh": "在你的训练里，每个不同的词只算一次，不管它在文本里出现了多少次。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_places_that_overlap_or_touch",
    "test_special_tokens_cut_the_training_text",
]


def _merge(words, n_merges):
    tokens = [list(word) for word in words]
    merged = []
    counts, where = Counter(), defaultdict(set)
    for word, ids in enumerate(tokens):
        for pair in pairwise(ids):
            counts[pair] += 1
            where[pair].add(word)
    while len(merged) < n_merges:
        pair = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if pair is None or counts[pair] <= 0:
            break
        new_id = 256 + len(merged)
        merged.append(pair)
        for word in where[pair]:
            for old in pairwise(tokens[word]):
                counts[old] -= 1
            tokens[word] = merge_pair(tokens[word], pair, new_id)
            for new in pairwise(tokens[word]):
                counts[new] += 1
                where[new].add(word)
    return merged
