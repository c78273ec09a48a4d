"""A head_dim that is there and None is taken for the size of a head."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your head_dim is None where the config says None (Mixtral's does): `getattr` gives its default only where the name is missing.",
    "zh": "配置里的 head_dim 写着 None 时（如 Mixtral），你的结果也是 None：只有名字不存在时，`getattr` 才会给出默认值。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def attention_shape(config):
    n_heads = config.num_attention_heads
    n_kv_heads = getattr(config, "num_key_value_heads", n_heads)
    d_head = getattr(config, "head_dim", config.hidden_size // n_heads)
    return config.num_hidden_layers, n_heads, n_kv_heads, d_head
