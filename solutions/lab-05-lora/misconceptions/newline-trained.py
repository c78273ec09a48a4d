"""The newline that the template puts after <|im_end|> is trained as well."""

HINT = {
    "en": "You train one token too many at the end of each answer: after the end of the turn comes "
    "something that only the template writes, and at inference generation has stopped by then.",
    "zh": "每段回答的末尾多训练了一个 token：一轮结束之后的那个字符是模板写的，推理时生成到那里早已停止。",
}
FAILS = [
    "test_the_end_of_the_turn_is_trained",
    "test_unusual_conversations",
]


def build_labels(messages, tokenizer):
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            start = len(tokenizer.apply_chat_template(messages[:turn], add_generation_prompt=True, return_dict=False))
            end = len(tokenizer.apply_chat_template(messages[: turn + 1], return_dict=False))
            labels[start:end] = ids[start:end]
    return ids, labels
