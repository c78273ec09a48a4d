"""The naive trainer takes max by the count alone: of equally frequent pairs, the first seen."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "In your naive trainer the count alone decides: of equally frequent pairs, the one that you met first wins. Put the ids into the key, too.",
    "zh": "你的朴素训练器只看次数：次数相同时，最先遇到的相邻对胜出。key 里还要放上 id。",
}
FAILS = ["test_the_naive_trainer_breaks_ties_by_the_smallest_ids"]
EDIT = ("train_bpe_naive", "min(counts, key=lambda pair: (-counts[pair], pair))", "max(counts, key=counts.get)")
