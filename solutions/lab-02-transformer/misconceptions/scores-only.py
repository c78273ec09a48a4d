"""Only the scores are counted, not the mean of the values."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count one product with every key. What happens with the values?",
    "zh": "你只数了与每个键的乘积。那值呢？",
}
FAILS = ["test_attention_and_cache_of_a_config"]
EDIT = ("attention_flops", "return 4 ", "return 2 ")
