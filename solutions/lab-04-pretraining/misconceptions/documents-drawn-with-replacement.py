"""Each document is drawn at random from all, so that some come twice before others come at all."""

NOTEBOOK = "data"
HINT = {
    "en": "You draw with replacement: some documents come twice while others have not come at all. Read a corpus through, then begin again.",
    "zh": "你用的是有放回抽样：有的文档已经来了两次，有的一次都没来。要把一个语料读完一遍，再重新开始。",
}
FAILS = [
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
        while True:
            yield docs[rng.integers(len(docs))]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[1] < ratio * (sum(taken) + 1))
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
