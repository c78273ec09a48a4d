"""The role header of the assistant's turn is trained together with the answer."""

HINT = {
    "en": "You also train the header of the assistant's turn. At inference the template writes that "
    "line before the model says anything; the answer begins after it.",
    "zh": "你把助手这一轮开头的角色标记也算进了训练。推理时这一行由模板写好，模型还没开口；回答是从它后面开始的。",
}
FAILS = [
    "test_the_assistants_header_is_ignored",
    "test_unusual_conversations",
]


def build_labels(messages, tokenizer):
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            start = len(tokenizer.apply_chat_template(messages[:turn], return_dict=False))
            end = len(tokenizer.apply_chat_template(messages[: turn + 1], return_dict=False)) - 1
            labels[start:end] = ids[start:end]
    return ids, labels
