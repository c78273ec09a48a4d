"""The naive trainer does not ask whether a pair is left: min of nothing raises an error."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your naive trainer raises an error where no pair is left: `min` of nothing. Stop before that.",
    "zh": "没有相邻对时，你的朴素训练器会报错：对空集取了 `min`。应当在那之前停下。",
}
FAILS = ["test_the_naive_trainer_stops_where_no_pair_is_left"]
EDIT = ("train_bpe_naive", "        if not counts:\n            break\n", "")
