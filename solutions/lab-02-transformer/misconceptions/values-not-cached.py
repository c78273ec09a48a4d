"""The cache keeps keys only."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your cache keeps the keys. Attention also needs the values.",
    "zh": "你的缓存只存了键。注意力还要用到值。",
}
FAILS = ["test_attention_and_cache_of_a_config"]
EDIT = ("kv_cache_bytes", " 2 * n_layers", " n_layers")
