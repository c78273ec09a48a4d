"""Special tokens are deleted from the text, so that what stood around them is joined."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You delete the special tokens from the text: the end of one document and the beginning of the next become one word.",
    "zh": "你把特殊 token 从文本里删掉了：上一篇的结尾和下一篇的开头连成了一个词。",
}
FAILS = ["test_special_tokens_cut_the_training_text"]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError("no room for the bytes and the special tokens")
    for token in special_tokens:
        text = text.replace(token, "")
    words = Counter(pretokenize(text))
    vocab = {i: bytes([i]) for i in range(256)}
    merges = []
    for left, right in _merge(words, n_merges):
        merges.append((vocab[left], vocab[right]))
        vocab[len(vocab)] = vocab[left] + vocab[right]
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    return vocab, merges
