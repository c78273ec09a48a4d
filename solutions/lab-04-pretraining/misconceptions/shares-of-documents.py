"""The shares are kept in documents instead of tokens."""

NOTEBOOK = "data"
HINT = {
    "en": "Your shares count documents. If those of one corpus are five times as long, it gets five times as many tokens: count tokens.",
    "zh": "你的占比数的是文档。如果一个语料的文档长五倍，它的 token 也就多五倍：要数 token。",
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
    drawn = [0, 0]
    while sum(taken) < n:
        which = int(drawn[1] < ratio * (sum(drawn) + 1))
        mixture.append(next(sources[which]))
        drawn[which] += 1
        taken[which] += len(mixture[-1])
    return mixture
