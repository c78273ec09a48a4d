"""merge_pair stops after the first place where the pair stands."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your merge_pair merges the first occurrence only.",
    "zh": "你的 merge_pair 只合并了第一处。",
}
FAILS = [
    "test_pairs_merge_from_left_to_right",
    "test_the_naive_trainer_counts_anew_for_each_merge",
    "test_merges_are_those_of_a_full_count",
    "test_places_that_overlap_or_touch",
    "test_special_tokens_cut_the_training_text",
]


def merge_pair(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)
