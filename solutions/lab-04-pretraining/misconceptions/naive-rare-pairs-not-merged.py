"""The naive trainer stops where the most frequent pair occurs only once."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your naive trainer stops when the best pair occurs only once. It should go on until no pair is left.",
    "zh": "最好的相邻对只出现一次时，你的朴素训练器就停了。应当一直做到没有相邻对为止。",
}
FAILS = ["test_the_naive_trainer_stops_where_no_pair_is_left"]
EDIT = (
    "train_bpe_naive",
    "        if not counts:\n            break\n",
    "        if not counts or max(counts.values()) < 2:\n            break\n",
)
