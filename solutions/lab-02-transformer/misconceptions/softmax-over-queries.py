"""The softmax goes along the axis of queries."""

NOTEBOOK = "attention"
HINT = {
    "en": "In your weights it is the columns that sum to 1: the queries compete for a key, instead of the keys for a query.",
    "zh": "在你的权重里，和为 1 的是列：变成查询去争抢键，而不是键去争取查询的注意。",
}
FAILS = [
    "test_weights_are_the_softmax_of_scaled_scores",
    "test_output_agrees_with_pytorch_in_float64",
    "test_hidden_keys_get_nothing_and_the_others_share_it",
    "test_a_query_that_may_see_nothing_gets_zeros",
    "test_gradients_reach_queries_keys_and_values",
    "test_self_attention_is_that_of_each_head",
    "test_cross_attention_reads_the_context",
    "test_the_mask_reaches_every_head",
    "test_the_past_does_not_feel_a_change_of_the_future",
    "test_gradients_reach_both_inputs_and_all_projections",
    "test_grouped_heads_agree_with_a_loop_over_heads",
    "test_mask_base_and_positions_are_used",
    "test_gradients_of_grouped_attention",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_agrees_with_hugging_face",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
    "test_llama_agrees_with_hugging_face",
    "test_llama_does_not_see_the_future",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


def attention_weights(q, k, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        return scores.softmax(-2)
    return scores.masked_fill(~mask, -math.inf).softmax(-2).masked_fill(~mask, 0.0)
