"""The naive trainer counts a pair once for a word, however often the word has it."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your naive trainer counts a pair once for each word. abab has (a, b) twice, aaaa has (a, a) three times: count every position.",
    "zh": "你的朴素训练器在每个词里对一个相邻对只算一次。abab 里 (a, b) 有两处，aaaa 里 (a, a) 有三处：每个位置都要算。",
}
FAILS = ["test_the_naive_trainer_counts_anew_for_each_merge"]
EDIT = ("train_bpe_naive", "for pair in pairwise(ids):", "for pair in set(pairwise(ids)):")
