"""A document is taken out as soon as it shares so many units, in whatever order."""

NOTEBOOK = "data"
HINT = {
    "en": "You count common units wherever they stand. Contamination is a run of CONSECUTIVE ones; single words in common do not count.",
    "zh": "你数的是任意位置上的相同单位。污染指的是**连续**一串相同；有些词相同并不算。",
}
FAILS = [
    "test_decontaminate_takes_out_shared_runs",
]


def decontaminate(train, held_out, size=13):
    known = [set(units(text)) for text in held_out]
    return [i for i, text in enumerate(train) if all(len(set(units(text)) & other) < size - 2 for other in known)]
