"""The scores of hidden keys become 0 instead of minus infinity."""

NOTEBOOK = "attention"
HINT = {
    "en": "A score of 0 is not nothing: the softmax still gives such a key exp(0) = 1.",
    "zh": "分数为 0 并不等于没有：softmax 仍会给这个键分到 exp(0) = 1 的份。",
}
FAILS = [
    "test_hidden_keys_get_nothing_and_the_others_share_it",
    "test_a_query_that_may_see_nothing_gets_zeros",
    "test_gradients_reach_queries_keys_and_values",
    "test_the_mask_reaches_every_head",
    "test_the_past_does_not_feel_a_change_of_the_future",
    "test_gradients_reach_both_inputs_and_all_projections",
    "test_mask_base_and_positions_are_used",
    "test_gradients_of_grouped_attention",
    "test_post_norm_encoder_layer",
    "test_pre_norm_encoder_layer",
    "test_decoder_layer",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_does_not_attend_to_padding",
    "test_gpt2_agrees_with_hugging_face",
    "test_llama_agrees_with_hugging_face",
    "test_llama_does_not_see_the_future",
    "test_mixtral_agrees_with_hugging_face",
    "test_the_tied_head_of_a_small_smollm2",
]


def attention_weights(q, k, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, 0.0)).softmax(-1)
