"""A pair is a candidate when a single row agrees."""

NOTEBOOK = "data"
HINT = {
    "en": "You make a pair as soon as one number is equal. ALL rows of a band must agree; otherwise nearly every pair is a candidate.",
    "zh": "在你这里，有一个数相同就算一对。必须一段里**所有**行都相同，否则几乎每一对都是候选。",
}
FAILS = [
    "test_candidates_agree_in_a_whole_band",
]


def candidates(signatures, bands):
    if signatures.shape[1] % bands:
        raise ValueError("the bands do not fit")
    pairs = itertools.combinations(range(len(signatures)), 2)
    return [(i, j) for i, j in pairs if (signatures[i] == signatures[j]).any()]
