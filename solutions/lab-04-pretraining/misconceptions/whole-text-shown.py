"""The text is shown to the model whole, however long it is."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your model is shown the whole text. What happens when it is longer than the model's positions?",
    "zh": "你把整段文本都给模型看了。文本比模型的位置数还长时会怎样？",
}
FAILS = ["test_generated_tokens_follow_the_model"]
EDIT = ("generate", "logits = model(ids[:, -context:])[:, -1]", "logits = model(ids)[:, -1]")
