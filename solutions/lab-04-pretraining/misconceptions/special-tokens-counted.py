"""The training text is not cut at special tokens: they are trained on like words."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You train on the special tokens as if they were text: their own characters take part in the merges.",
    "zh": "你把特殊 token 当作文本来训练了：它们自己的字符也参与了合并。",
}
FAILS = ["test_special_tokens_cut_the_training_text"]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError("no room for the bytes and the special tokens")
    words = Counter(pretokenize(text))
    vocab = {i: bytes([i]) for i in range(256)}
    merges = []
    for left, right in _merge(words, n_merges):
        merges.append((vocab[left], vocab[right]))
        vocab[len(vocab)] = vocab[left] + vocab[right]
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    return vocab, merges
