"""All of the base comes first, then all of the domain."""

NOTEBOOK = "data"
HINT = {
    "en": "The shares are right at the end only: your mixture is one corpus after the other, and the model forgets the first while it reads the second.",
    "zh": "占比只在最后才对：你的混合是先读完一个语料，再读另一个，模型读后一个时就把前一个忘了。",
}
FAILS = [
    "test_mix_keeps_the_share_of_tokens",
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
            for index in rng.permutation(len(docs)):
                yield docs[index]

    sources, taken, mixture = (endless(base), endless(domain)), [0, 0], []
    while sum(taken) < n:
        which = int(taken[0] >= (1 - ratio) * n)
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
