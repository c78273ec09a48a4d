"""Hugging Face's trainer and BPE model, with each byte written as a character that keeps its order."""

NOTEBOOK = "tokenizer"


def train_bpe(text, vocab_size, special_tokens):
    import json

    import tokenizers
    from tokenizers import models, trainers

    if vocab_size < 256 + len(special_tokens):
        raise ValueError("the vocabulary is too small")
    alphabet = [chr(256 + byte) for byte in range(256)]
    library = tokenizers.Tokenizer(models.BPE())
    size = vocab_size - len(special_tokens)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    pieces = [piece for piece in split_special(text, special_tokens) if piece not in special_tokens]
    words = ["".join(alphabet[byte] for byte in word) for piece in pieces for word in pretokenize(piece)]
    library.train_from_iterator(words, trainer)
    pairs = json.loads(library.to_str())["model"]["merges"]
    merges = [tuple(bytes(ord(c) - 256 for c in token) for token in pair) for pair in pairs]
    tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in merges] + [s.encode() for s in special_tokens]
    return dict(enumerate(tokens)), merges


class Tokenizer:
    def __init__(self, vocab, merges, special_tokens):
        from tokenizers.models import BPE

        def write(token):
            return "".join(chr(256 + byte) for byte in token)

        self.vocab, self.special_tokens, self.write = vocab, special_tokens, write
        self.special_ids = {
            token.decode(): i for i, token in vocab.items() if token.decode("utf-8", "replace") in special_tokens
        }
        ids = {write(token): i for i, token in vocab.items()}
        self.model = BPE(ids, [(write(left), write(right)) for left, right in merges])

    def encode(self, text):
        ids = []
        for piece in split_special(text, self.special_tokens):
            if piece in self.special_ids:
                ids.append(self.special_ids[piece])
            else:
                ids.extend(token.id for word in pretokenize(piece) for token in self.model.tokenize(self.write(word)))
        return ids

    def decode(self, ids):
        data = bytearray()
        for i in ids:
            data += self.vocab[i]
        return str(bytes(data), "utf-8", "replace")
