"""The index moves on by one after a merge, not by two: the right half is used again."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "After a merge, your merge_pair uses an id again that has just been merged: a run of one id gives too many merged ids.",
    "zh": "合并之后，你的 merge_pair 又用了一次刚合并掉的 id：同一个 id 连成一串时，合并出的 id 太多。",
}
FAILS = [
    "test_pairs_merge_from_left_to_right",
    "test_the_naive_trainer_counts_anew_for_each_merge",
    "test_places_that_overlap_or_touch",
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_every_text_comes_back",
    "test_special_tokens_become_one_id_each",
]


def merge_pair(ids, pair, new_id):
    merged, used = [], False
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new_id)
            used = True
        elif used:
            used = False
        else:
            merged.append(ids[i])
    return merged
