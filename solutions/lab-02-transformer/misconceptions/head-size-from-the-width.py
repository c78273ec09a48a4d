"""The size of a head is always the width divided by the heads."""

NOTEBOOK = "explore"
HINT = {
    "en": "You divide the width by the heads although the config has a head_dim of its own.",
    "zh": "配置里明明有 head_dim，你却用宽度除以头数。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def attention_shape(config):
    n_heads = config.num_attention_heads
    n_kv_heads = getattr(config, "num_key_value_heads", None) or n_heads
    return config.num_hidden_layers, n_heads, n_kv_heads, config.hidden_size // n_heads
