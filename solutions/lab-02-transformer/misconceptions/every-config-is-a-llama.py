"""num_key_value_heads and head_dim are taken to be in every config."""

NOTEBOOK = "explore"
HINT = {
    "en": "GPT-2 has no num_key_value_heads and no head_dim.",
    "zh": "GPT-2 的配置里没有 num_key_value_heads，也没有 head_dim。",
}
FAILS = ["test_attention_and_cache_of_a_config"]


def attention_shape(config):
    return config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads, config.head_dim
