"""The corpora are read in their old order, and the seed does nothing."""

NOTEBOOK = "data"
HINT = {
    "en": "The documents come in the order in which they were given, whatever the seed: neighbours in the corpus are neighbours in the mixture.",
    "zh": "文档总是按原来的顺序出现，与种子无关：语料里相邻的，混合后仍然相邻。",
}
FAILS = [
    "test_mix_reads_each_corpus_in_epochs",
]


def mix(base, domain, ratio, n, seed=0):
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio is between 0 and 1, not {ratio}")
    if (ratio < 1 and not any(base)) or (ratio > 0 and not any(domain)):
        raise ValueError("there is nothing to take from")

    def endless(docs):
        docs = [tokens for tokens in docs if tokens]
        while True:
            for index in range(len(docs)):
                yield docs[index]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[1] < ratio * (sum(taken) + 1))
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
