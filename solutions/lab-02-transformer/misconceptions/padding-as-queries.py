"""The padding mask hides the rows of padded queries instead of the columns of padded keys."""

NOTEBOOK = "attention"
HINT = {
    "en": "You take the padding out as queries; as keys, everybody still looks at it.",
    "zh": "你把填充从 query 里去掉了；但作为 key，大家仍然看得到它。",
}
FAILS = ["test_padding_is_hidden_as_a_key"]


def padding_mask(attention_mask):
    return attention_mask.bool()[:, None, :, None]
