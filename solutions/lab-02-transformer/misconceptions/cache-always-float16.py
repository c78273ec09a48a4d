"""Two bytes per number, whatever the dtype."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count two bytes for every number in the cache. What if it is float32?",
    "zh": "你给缓存里的每个数都算两字节。如果是 float32 呢？",
}
FAILS = ["test_attention_and_cache_of_a_config"]
EDIT = ("kv_cache_bytes", "dtype.itemsize", "2")
