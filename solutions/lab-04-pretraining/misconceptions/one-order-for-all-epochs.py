"""A corpus is shuffled once, and each epoch repeats the same order."""

NOTEBOOK = "data"
HINT = {
    "en": "Your second epoch has the order of the first. Shuffle again at the beginning of each.",
    "zh": "第二个 epoch 的次序与第一个相同。每个 epoch 开始时都要重新打乱。",
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
        order = rng.permutation(len(docs))
        while True:
            for index in order:
                yield docs[index]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[1] < ratio * (sum(taken) + 1))
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
