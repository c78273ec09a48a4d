"""The cache keeps keys only."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your cache keeps the keys. Attention also needs the values.",
    "zh": "你的缓存只存了键。注意力还要用到值。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def kv_cache_bytes(config, dtype):
    n_layers, _, n_kv_heads, d_head = attention_shape(config)
    return n_layers * n_kv_heads * d_head * dtype.itemsize
