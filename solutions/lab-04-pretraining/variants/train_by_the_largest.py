"""Training on tuples of bytes, with max over a dictionary, and counts mended by the difference."""

NOTEBOOK = "tokenizer"


def pretokenize(text):
    return [match.group().encode("utf-8") for match in regex.finditer(PATTERN, text)]


def split_special(text, special_tokens):
    pieces = [text] if text else []
    for token in sorted(special_tokens, key=len, reverse=True):
        cut = []
        for piece in pieces:
            if piece in special_tokens:
                cut.append(piece)
                continue
            head, *rest = piece.split(token)
            cut.append(head)
            for part in rest:
                cut += [token, part]
        pieces = [piece for piece in cut if piece]
    return pieces


def merge_pair(ids, pair, new_id):
    result = []
    for i in ids:
        if result and result[-1] == pair[0] and i == pair[1]:
            result[-1] = new_id
        else:
            result.append(i)
    return result


def train_bpe(text, vocab_size, special_tokens):
    if vocab_size < 256 + len(special_tokens):
        raise ValueError(vocab_size)
    age = {bytes([i]): i for i in range(256)}
    words = Counter(
        word
        for piece in split_special(text, special_tokens)
        if piece not in special_tokens
        for word in pretokenize(piece)
    )
    tokens = {word: tuple(bytes([byte]) for byte in word) for word in words}
    counts, where = {}, {}
    for word, parts in tokens.items():
        for pair in pairwise(parts):
            counts[pair] = counts.get(pair, 0) + words[word]
            where.setdefault(pair, {})[word] = None
    merges = []
    while len(merges) + 256 + len(special_tokens) < vocab_size and counts:
        best = max(counts, key=lambda pair: (counts[pair], -age[pair[0]], -age[pair[1]]))
        merges.append(best)
        age[best[0] + best[1]] = len(age)
        for word in where[best]:
            before = tokens[word]
            after = tokens[word] = tuple(merge_pair(before, best, best[0] + best[1]))
            change = Counter(pairwise(after))
            change.subtract(pairwise(before))
            for pair, n in change.items():
                counts[pair] = counts.get(pair, 0) + n * words[word]
                if counts[pair] == 0:
                    del counts[pair]
                elif n > 0:
                    where.setdefault(pair, {})[word] = None
    tokens = [*age, *(token.encode() for token in special_tokens)]
    return dict(enumerate(tokens)), merges
