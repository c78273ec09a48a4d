"""Training takes the text between special tokens as one piece: merges go from one word into the next."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "Your merges cross from one pre-token into the next: you train on the text as one piece.",
    "zh": "你的合并越过了片段的边界：你把整段文本当作一个片段来训练了。",
}
FAILS = [
    "test_merges_are_those_of_a_full_count",
    "test_places_that_overlap_or_touch",
    "test_special_tokens_cut_the_training_text",
    "test_the_vocabulary_has_the_size_and_the_order_it_should",
    "test_the_time_of_training_hardly_grows_with_merges",
]


def train_bpe(text, vocab_size, special_tokens):
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError("no room for the bytes and the special tokens")
    words = Counter()
    for piece in split_special(text, special_tokens):
        if piece not in special_tokens:
            words[piece.encode()] += 1
    vocab = {i: bytes([i]) for i in range(256)}
    merges = []
    for left, right in _merge(words, n_merges):
        merges.append((vocab[left], vocab[right]))
        vocab[len(vocab)] = vocab[left] + vocab[right]
    for token in special_tokens:
        vocab[len(vocab)] = token.encode()
    return vocab, merges
