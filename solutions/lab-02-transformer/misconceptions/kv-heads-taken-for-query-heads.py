"""The cache has as many key heads as there are query heads: GQA is ignored."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your cache keeps keys for every query head. Some models share them.",
    "zh": "你的缓存给每个查询头都存了一份键。有些模型的键是共享的。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def kv_cache_bytes(config, dtype):
    n_layers, n_heads, _, d_head = attention_shape(config)
    return 2 * n_layers * n_heads * d_head * dtype.itemsize
