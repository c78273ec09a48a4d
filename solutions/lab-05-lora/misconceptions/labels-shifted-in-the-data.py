"""Labels are moved to the left by one already when they are built, and the loss moves them again."""

HINT = {
    "en": "You shift the labels while you build them. sft_loss shifts by one as well, so the model "
    "would learn to predict the token after the next.",
    "zh": "你在构造标签时就做了移位，而 sft_loss 还会再移一次，结果模型学的是预测下下个 token。",
}
FAILS = [
    "test_the_answer_is_trained",
    "test_the_prompt_is_ignored",
    "test_the_assistants_header_is_ignored",
    "test_the_end_of_the_turn_is_trained",
    "test_every_assistant_turn_is_trained",
    "test_unusual_conversations",
]


_aligned_labels = build_labels


def build_labels(messages, tokenizer):
    ids, labels = _aligned_labels(messages, tokenizer)
    return ids, [*labels[1:], IGNORE_INDEX]
