"""The padding mask hides the rows of padded queries instead of the columns of padded keys."""

NOTEBOOK = "attention"
HINT = {
    "en": "You take the padding out as queries; as keys, everybody still looks at it.",
    "zh": "你把填充从查询里去掉了；但作为键，大家仍然看得到它。",
}
FAILS = [
    "test_padding_is_hidden_as_a_key",
    "test_logits_of_the_whole",
    "test_the_target_does_not_see_its_future",
    "test_padding_of_the_source_does_not_matter",
    "test_gradients_reach_every_parameter",
    "test_bert_does_not_attend_to_padding",
]
EDIT = ("padding_mask", "None, :", ":, None")
