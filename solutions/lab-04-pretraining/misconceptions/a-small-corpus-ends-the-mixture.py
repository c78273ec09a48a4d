"""The mixture ends when a corpus has been read through once."""

NOTEBOOK = "data"
HINT = {
    "en": "Your mixture ends with the first corpus that is read through. It should begin a new epoch of that one.",
    "zh": "某个语料读完一遍，你的混合就结束了。应当让这个语料开始新的 epoch。",
}
FAILS = [
    "test_mix_keeps_the_share_of_tokens",
    "test_mix_reads_each_corpus_in_epochs",
]


def mix(base, domain, ratio, n, seed=0):
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio is between 0 and 1, not {ratio}")
    if (ratio < 1 and not any(base)) or (ratio > 0 and not any(domain)):
        raise ValueError("there is nothing to take from")
    rng = np.random.default_rng(seed)

    def endless(docs):
        docs = [tokens for tokens in docs if tokens]
        for index in rng.permutation(len(docs)):
            yield docs[index]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[1] < ratio * (sum(taken) + 1))
        tokens = next(sources[which], None)
        if tokens is None:
            break
        mixture.append(tokens)
        taken[which] += len(mixture[-1])
    return mixture
