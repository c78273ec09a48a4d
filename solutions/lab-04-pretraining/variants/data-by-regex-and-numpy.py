"""Cleaning by one translation table, measures by comprehension, buckets in numpy, clusters by spreading labels."""

NOTEBOOK = "data"
SPACES = {code: " " for code in range(0x110000) if unicodedata.category(chr(code)) == "Zs"}
CONTROLS = {code: None for code in [*range(32), *range(127, 160), 0xFEFF, 0x200B] if chr(code) not in "\n\t"}
TABLE = SPACES | CONTROLS


def clean(text):
    text = re.sub("\r\n?", "\n", text)
    text = re.sub("\x1b\\[[?;0-9]*[a-zA-Z]", "", text).translate(TABLE)
    lines = [line.rstrip(" \t") for line in unicodedata.normalize("NFC", text).split("\n")]
    paragraphs = [list(group) for filled, group in itertools.groupby(lines, bool) if filled]
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs)


def violations(text, limits):
    report = quality_report(text)
    names = []
    for name in limits:
        least, most = limits[name]
        if report[name] < least or report[name] > most:
            names.append(name)
    return names


def exact_dedup(docs):
    first = {}
    for index, text in enumerate(docs):
        digest = hashlib.sha256("\0".join(text.lower().split()).encode()).hexdigest()
        first.setdefault(digest, index)
    return list(first.values())


def shingles(text, size=5):
    found = units(text)
    if 0 < len(found) < size:
        return {" ".join(found)}
    return {" ".join(run) for run in zip(*(found[start:] for start in range(size)), strict=False)}


def jaccard(a, b):
    both = len(a.intersection(b))
    return 1.0 if not a and not b else both / (len(a) + len(b) - both)


def minhash(shingles, n_hashes=128, seed=0):
    a, b = (c.numpy() for c in coefficients(n_hashes, seed))
    signature = np.full(n_hashes, P)
    for shingle in shingles:
        signature = np.minimum(signature, (a * hash31(shingle) + b) % P)
    return torch.from_numpy(signature)


def candidates(signatures, bands):
    n, k = signatures.shape
    if k % bands != 0:
        raise ValueError(f"{k} is no multiple of {bands}")
    blocks = signatures.reshape(n, bands, k // bands)
    agree = (blocks[:, None] == blocks[None]).all(-1).any(-1)
    return [tuple(pair) for pair in agree.triu(1).nonzero().tolist()]


def minhash_dedup(docs, threshold, n_hashes=128, bands=32, seed=0, size=5):
    sets = [shingles(text, size) for text in docs]
    signatures = [minhash(found, n_hashes, seed) for found in sets]
    pairs = candidates(torch.stack(signatures), bands) if docs else []
    neighbours = defaultdict(list)
    for i, j in pairs:
        if jaccard(sets[i], sets[j]) >= threshold:
            neighbours[i].append(j)
            neighbours[j].append(i)
    kept, seen = [], set()
    for index in range(len(docs)):
        if index not in seen:
            kept.append(index)
            queue = [index]
            while queue:
                current = queue.pop()
                if current not in seen:
                    seen.add(current)
                    queue += neighbours[current]
    return kept


def decontaminate(train, held_out, size=13):
    forbidden = {run for text in held_out for run in shingles(text, size)}
    return [index for index, text in enumerate(train) if forbidden.isdisjoint(shingles(text, size))]


def pack(docs, seq_len, eos_id):
    pieces = [torch.tensor([*tokens, eos_id]) for tokens in docs if tokens]
    owners = [torch.full((len(tokens) + 1,), index) for index, tokens in enumerate(docs) if tokens]
    total = sum(map(len, pieces))
    rows = (total + seq_len - 1) // seq_len
    ids = torch.full((rows * seq_len,), eos_id)
    document = torch.full((rows * seq_len,), -1)
    if pieces:
        ids[:total], document[:total] = torch.cat(pieces), torch.cat(owners)
    return ids.reshape(rows, seq_len), document.reshape(rows, seq_len)


def packed_mask(document):
    same = document.unsqueeze(2) == document.unsqueeze(1)
    steps = torch.arange(document.shape[1])
    return same & (steps[None, :] <= steps[:, None])


def packed_positions(document):
    positions = torch.zeros_like(document)
    for step in range(1, document.shape[1]):
        same = document[:, step] == document[:, step - 1]
        positions[:, step] = torch.where(same, positions[:, step - 1] + 1, 0)
    return positions


def mix(base, domain, ratio, n, seed=0):
    import random

    if ratio < 0 or ratio > 1:
        raise ValueError("the ratio")
    base, domain = [d for d in base if d], [d for d in domain if d]
    if (not base and ratio != 1) or (not domain and ratio != 0):
        raise ValueError("empty")
    shuffle = random.Random(seed).shuffle
    waiting = {"base": [], "domain": []}
    size = {"base": 0, "domain": 0}
    result = []
    while size["base"] + size["domain"] < n:
        name = "domain" if size["domain"] < ratio * (size["base"] + size["domain"] + 1) else "base"
        if not waiting[name]:
            waiting[name] = list(domain if name == "domain" else base)
            shuffle(waiting[name])
        result.append(waiting[name].pop())
        size[name] += len(result[-1])
    return result
