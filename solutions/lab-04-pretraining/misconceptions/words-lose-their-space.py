"""The text is split at white space, which is thrown away."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your pre-tokens are words without white space: the spaces are gone, and decoding cannot bring them back.",
    "zh": "你的片段是去掉空白之后的词：空格丢了，再也回不来了。",
}
FAILS = [
    "test_pre_tokens_are_those_of_gpt2",
    "test_merges_are_those_of_a_full_count",
    "test_special_tokens_cut_the_training_text",
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_every_text_comes_back",
    "test_special_tokens_become_one_id_each",
    "test_the_time_of_encoding_does_not_grow_with_merges",
]


def pretokenize(text):
    return [word.encode() for word in text.split()]
