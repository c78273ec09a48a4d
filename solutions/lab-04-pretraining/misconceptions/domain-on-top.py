"""The domain's share is taken of the base's tokens instead of the whole."""

NOTEBOOK = "data"
HINT = {
    "en": "Your domain has `ratio` times the tokens of the BASE. Its share of the whole is then ratio / (1 + ratio).",
    "zh": "你的 domain 是 *base* 的 `ratio` 倍。那么它占全部的比例是 ratio / (1 + ratio)。",
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
        which = int(ratio == 1 or taken[1] < ratio * (taken[0] + 1))
        mixture.append(next(sources[which]))
        taken[which] += len(mixture[-1])
    return mixture
