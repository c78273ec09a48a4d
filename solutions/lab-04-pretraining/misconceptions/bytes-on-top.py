"""vocab_size is taken for the number of merges."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You make vocab_size merges. The 256 bytes are part of the vocabulary, too.",
    "zh": "你做了 vocab_size 次合并。256 个字节也是词表的一部分。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_places_that_overlap_or_touch",
    "test_ties_go_to_the_smallest_ids",
    "test_special_tokens_cut_the_training_text",
    "test_the_vocabulary_has_the_size_and_the_order_it_should",
    "test_the_time_of_training_hardly_grows_with_merges",
]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - len(special_tokens)
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
