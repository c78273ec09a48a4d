"""The neighbours of an occurrence are read from the old word: of two occurrences side by side, the pair of the two new tokens is never counted."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Where a pair stands twice side by side, you take the neighbours from the old word. After the merge the neighbour is the other new token: (new, new) is the pair to count.",
    "zh": "两处相邻对紧挨着时，你从旧词里取邻居。合并之后，邻居是另一个新 token：要计数的相邻对是 (新, 新)。",
}
FAILS = ["test_places_that_overlap_or_touch"]


def _merge(words, n_merges):
    words = Counter({tuple(word): n for word, n in words.items()})
    counts, where = Counter(), defaultdict(set)
    for word, n in words.items():
        for pair in pairwise(word):
            counts[pair] += n
            where[pair].add(word)
    merged = []
    while len(merged) < n_merges:
        counts = +counts
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        new_id = 256 + len(merged)
        merged.append(pair)
        for word in where.pop(pair, ()):
            n = words.pop(word, 0)
            i = 0
            while n and i < len(word) - 1:
                if word[i : i + 2] != pair:
                    i += 1
                    continue
                if i > 0:
                    counts[word[i - 1], word[i]] -= n
                    counts[word[i - 1], new_id] += n
                if i + 2 < len(word):
                    counts[word[i + 1], word[i + 2]] -= n
                    counts[new_id, word[i + 2]] += n
                i += 2
            if n:
                after = tuple(merge_pair(list(word), pair, new_id))
                words[after] += n
                for each in pairwise(after):
                    where[each].add(after)
        counts.pop(pair)
    return merged
