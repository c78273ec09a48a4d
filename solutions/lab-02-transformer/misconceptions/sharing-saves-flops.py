"""Shared key heads are taken to save FLOPs as well."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count the products of the key heads only. Shared or not, each query head compares its query with every key.",
    "zh": "你只按键头来数乘积。无论是否共享，每个查询头都要拿自己的查询和每个键比较。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def attention_flops(config, n_keys):
    n_layers, _, n_kv_heads, d_head = attention_shape(config)
    return 4 * n_layers * n_kv_heads * d_head * n_keys
