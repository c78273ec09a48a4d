"""The naive trainer counts once and takes the pairs in that order: no token gets longer than two bytes."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your naive trainer counts the bytes' pairs once and merges them in that order. Each merge changes the counts: count anew, with the new token.",
    "zh": "你的朴素训练器只在开头数了一遍字节的相邻对，然后照那个次序合并。每次合并之后次数都变了：要带着新 token 重新计数。",
}
FAILS = [
    "test_the_naive_trainer_counts_anew_for_each_merge",
    "test_the_naive_trainer_breaks_ties_by_the_smallest_ids",
    "test_the_naive_trainer_stops_where_no_pair_is_left",
]


def train_bpe_naive(words, n_merges):
    counts = Counter()
    for word, n in words.items():
        for pair in pairwise(word):
            counts[pair] += n
    best = sorted(counts, key=lambda pair: (-counts[pair], pair))[:n_merges]
    return [(bytes([left]), bytes([right])) for left, right in best]
