"""Only the last answer of a conversation is trained."""

HINT = {
    "en": "In a conversation of several turns you train only the last answer; the earlier ones are "
    "lost, and each of them is an example too.",
    "zh": "多轮对话里你只训练了最后一次回答，前面几次都丢掉了，而它们同样是训练样本。",
}
FAILS = [
    "test_every_assistant_turn_is_trained",
    "test_unusual_conversations",
]


def build_labels(messages, tokenizer):
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    answers = [turn for turn, message in enumerate(messages) if message["role"] == "assistant"]
    if answers:
        last = answers[-1]
        start = len(tokenizer.apply_chat_template(messages[:last], add_generation_prompt=True, return_dict=False))
        end = len(tokenizer.apply_chat_template(messages[: last + 1], return_dict=False)) - 1
        labels[start:end] = ids[start:end]
    return ids, labels
