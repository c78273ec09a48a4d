"""Labels from the rendered text: a regular expression finds the answers, the tokenizer's offsets their tokens."""

import re

ANSWER = re.compile(r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)", re.DOTALL)


def build_labels(messages, tokenizer):
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = [match.span(1) for match in ANSWER.finditer(text)]
    labels = [
        token if any(begin <= start < end for begin, end in spans) else IGNORE_INDEX
        for token, (start, _) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]
    return encoded["input_ids"], labels
