"""Of equally frequent pairs, the one that was seen first (Counter.most_common)."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Of equally frequent pairs you take the one that you met first in the text: another order of the documents gives another tokenizer.",
    "zh": "次数相同时，你取的是在文本里最先遇到的相邻对：文档换个次序，分词器就变了。",
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
        pair = counts.most_common(1)[0][0]
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
