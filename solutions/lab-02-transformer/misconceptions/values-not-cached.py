"""The cache keeps keys only."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your cache keeps the keys. Attention also needs the values.",
    "zh": "你的缓存只存了 key。注意力还要用到 value。",
}
FAILS = ["test_attention_and_cache_of_a_config"]
EDIT = ("kv_cache_bytes", " 2 * n_layers", " n_layers")
