"""The naive trainer takes max over (count, pair): ties go to the largest ids."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "In your naive trainer `max` over (count, pair) takes the largest ids of equally frequent pairs. The smallest ids go first.",
    "zh": "你的朴素训练器对 (次数, 相邻对) 取 `max`，次数相同时取了 id 最大的。应当是 id 最小的先合并。",
}
FAILS = ["test_the_naive_trainer_breaks_ties_by_the_smallest_ids"]
EDIT = (
    "train_bpe_naive",
    "min(counts, key=lambda pair: (-counts[pair], pair))",
    "max(counts, key=lambda pair: (counts[pair], pair))",
)
