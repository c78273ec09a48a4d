"""The shares are kept in documents instead of tokens."""

NOTEBOOK = "data"
HINT = {
    "en": "Your shares count documents. If those of one corpus are five times as long, it gets five times as many tokens: count tokens.",
    "zh": "你的占比数的是文档。如果一个语料的文档长五倍，它的 token 也就多五倍：要数 token。",
}
FAILS = [
    "test_mix_keeps_the_share_of_tokens",
]
EDIT = (
    "mix",
    "while sum(taken) < n:\n"
    "        which = int(taken[1] < ratio * (sum(taken) + 1))\n"
    "        mixture.append(next(sources[which]))",
    "drawn = [0, 0]\n"
    "    while sum(taken) < n:\n"
    "        which = int(drawn[1] < ratio * (sum(drawn) + 1))\n"
    "        mixture.append(next(sources[which]))\n"
    "        drawn[which] += 1",
)
