"""In cross-attention the memory gives the queries, and x the keys and values."""

NOTEBOOK = "transformer"
HINT = {
    "en": "In your cross-attention the memory asks and the target answers.",
    "zh": "在你的交叉注意力里，是 memory 在提问，目标序列在回答。",
}
FAILS = [
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
]
EDIT = (
    "DecoderLayer.forward",
    "x = self.cross_attention_norm(x + self.cross_attention(x, memory, memory_mask))",
    "x = self.cross_attention_norm(x + self.cross_attention(memory, x)[:, : x.shape[1]])",
)
