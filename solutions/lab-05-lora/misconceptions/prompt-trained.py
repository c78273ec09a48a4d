"""Every token is its own label: the model learns to write the user's questions too."""

HINT = {
    "en": "Your labels train the whole conversation: the model also learns to write the user's "
    "questions and the system prompt. Only what the assistant says should count.",
    "zh": "你把整段对话都拿来训练了：模型连用户的提问和系统提示也在学着写。应当只有助手说的话参与训练。",
}
FAILS = [
    "test_the_prompt_is_ignored",
    "test_the_assistants_header_is_ignored",
    "test_the_end_of_the_turn_is_trained",
    "test_unusual_conversations",
]


def build_labels(messages, tokenizer):
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    return ids, list(ids)
