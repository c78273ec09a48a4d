"""BERT takes attention_mask and does not use it."""

NOTEBOOK = "architectures"
HINT = {
    "en": "attention_mask makes no difference to your Bert: its tokens attend to the padding.",
    "zh": "attention_mask 对你的 Bert 毫无影响：它的 token 照样去看填充。",
}
FAILS = ["test_bert_does_not_attend_to_padding"]


class Bert(Bert):
    def forward(self, ids, attention_mask=None, type_ids=None):
        return super().forward(ids, None, type_ids)
