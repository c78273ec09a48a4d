"""The domain's share is taken of the base's tokens instead of the whole."""

NOTEBOOK = "data"
HINT = {
    "en": "Your domain has `ratio` times the tokens of the BASE. Its share of the whole is then ratio / (1 + ratio).",
    "zh": "你的 domain 是 **base** 的 `ratio` 倍。那么它占全部的比例是 ratio / (1 + ratio)。",
}
FAILS = [
    "test_mix_keeps_the_share_of_tokens",
]
EDIT = (
    "mix",
    "which = int(taken[1] < ratio * (sum(taken) + 1))",
    "which = int(ratio == 1 or taken[1] < ratio * (taken[0] + 1))",
)
