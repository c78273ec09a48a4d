"""The <|im_end|> that closes the answer is ignored, so the model never learns to stop."""

HINT = {
    "en": "The words of the answer are trained, its end is not: a model trained like this never learns "
    "when to stop talking.",
    "zh": "回答的内容参与了训练，回答的结束却没有：这样训练出来的模型学不会什么时候该停下来。",
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
            end = len(tokenizer.apply_chat_template(messages[: turn + 1], return_dict=False)) - 2
            labels[start:end] = ids[start:end]
    return ids, labels
