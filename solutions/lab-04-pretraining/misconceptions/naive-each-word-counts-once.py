"""The naive trainer counts a pair once for each different word, without the word's frequency."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "In your naive trainer each different word counts once. A pair counts as often as the text has the word.",
    "zh": "你的朴素训练器里，每个不同的词只算一次。一个词在文本里出现几次，它的相邻对就应当算几次。",
}
FAILS = ["test_the_naive_trainer_counts_anew_for_each_merge"]
EDIT = ("train_bpe_naive", "counts[pair] += words[word]", "counts[pair] += 1")
