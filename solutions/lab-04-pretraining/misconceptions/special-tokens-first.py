"""Special tokens get the first ids, the bytes come after them."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your special tokens have the first ids. Here the bytes are 0 to 255, and the special tokens come last.",
    "zh": "你的特殊 token 占了最前面的 id。这里 0 到 255 是字节，特殊 token 排在最后。",
}
FAILS = ["test_the_vocabulary_has_the_size_and_the_order_it_should"]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - 256 - len(special_tokens)
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
    tokens = [token.encode() for token in special_tokens] + list(vocab.values())
    return dict(enumerate(tokens)), merges
