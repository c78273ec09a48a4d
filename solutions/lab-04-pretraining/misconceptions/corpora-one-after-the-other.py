"""All of the base comes first, then all of the domain."""

NOTEBOOK = "data"
HINT = {
    "en": "The shares are right at the end only: your mixture is one corpus after the other, and the model forgets the first while it reads the second.",
    "zh": "占比只在最后才对：你的混合是先读完一个语料，再读另一个，模型读后一个时就把前一个忘了。",
}
FAILS = [
    "test_mix_keeps_the_share_of_tokens",
]
EDIT = ("mix", "which = int(taken[1] < ratio * (sum(taken) + 1))", "which = int(taken[0] >= (1 - ratio) * n)")
