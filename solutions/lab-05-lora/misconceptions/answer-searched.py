"""The answer is found by searching for its tokens, and the first place where they stand may be a question."""

HINT = {
    "en": "You look for the answer by its tokens and take the first place where they occur. When the "
    "user has said the same words before, that place is in the question.",
    "zh": "你是按内容去搜索回答的位置，并取第一次出现的地方。如果用户之前说过同样的话，找到的就是问题里的那一处。",
}
FAILS = ["test_unusual_conversations"]


def build_labels(messages, tokenizer):
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [IGNORE_INDEX] * len(ids)
    for message in messages:
        if message["role"] == "assistant":
            answer = tokenizer(message["content"] + "<|im_end|>", add_special_tokens=False)["input_ids"]
            for start in range(len(ids)):
                if ids[start : start + len(answer)] == answer:
                    labels[start : start + len(answer)] = answer
                    break
    return ids, labels
