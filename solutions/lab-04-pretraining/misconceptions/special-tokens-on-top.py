"""vocab_size counts the bytes and the merges; the special tokens come on top."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your vocabulary is larger than vocab_size, by the number of special tokens.",
    "zh": "你的词表比 vocab_size 大，多出来的正是特殊 token 的个数。",
}
FAILS = ["test_special_tokens_cut_the_training_text", "test_the_vocabulary_has_the_size_and_the_order_it_should"]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - 256
    if n_merges < 0:
        raise ValueError("no room for the bytes and the special tokens")
    words = Counter()
    for piece in split_special(text, special_tokens):
        if piece not in special_tokens:
            words.update(pretokenize(piece))
    vocab = {i: bytes([i]) for i in range(256)}
    merges = []
    for left, right in _merge(words, n_merges):
        merges.append((vocab[left], vocab[right]))
        vocab[len(vocab)] = vocab[left] + vocab[right]
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    return vocab, merges
