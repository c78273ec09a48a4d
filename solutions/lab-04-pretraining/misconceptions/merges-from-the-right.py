"""merge_pair walks from the end."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your merge_pair begins at the right end: aaa becomes (a, aa).",
    "zh": "你的 merge_pair 是从右端开始的：aaa 变成了 (a, aa)。",
}
FAILS = [
    "test_pairs_merge_from_left_to_right",
    "test_the_naive_trainer_counts_anew_for_each_merge",
    "test_places_that_overlap_or_touch",
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_special_tokens_become_one_id_each",
]


def merge_pair(ids, pair, new_id):
    merged, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == tuple(pair):
            merged.append(new_id)
            i -= 2
        else:
            merged.append(ids[i])
            i -= 1
    return merged[::-1]
