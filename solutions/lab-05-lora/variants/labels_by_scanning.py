"""Labels by walking over the tokens: after an assistant's header they count, up to and with <|im_end|>."""


def build_labels(messages, tokenizer):
    ids = list(tokenizer.apply_chat_template(messages)["input_ids"])
    header = tokenizer.encode("<|im_start|>assistant\n", add_special_tokens=False)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    labels, position = [-100] * len(ids), 0
    while position < len(ids):
        if ids[position : position + len(header)] != header:
            position += 1
            continue
        position += len(header)
        stop = ids.index(end, position) + 1
        labels[position:stop] = ids[position:stop]
        position = stop
    return ids, labels
