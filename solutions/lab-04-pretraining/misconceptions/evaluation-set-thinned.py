"""The held-out documents that overlap are taken out instead of the training documents."""

NOTEBOOK = "data"
HINT = {
    "en": "You return indices of the evaluation set. Change the training set: an evaluation must stay the same for all models.",
    "zh": "你返回的是评测集的下标。要改的是训练集：评测集必须对所有模型保持不变。",
}
FAILS = [
    "test_decontaminate_takes_out_shared_runs",
]


def decontaminate(train, held_out, size=13):
    known = set().union(*(shingles(text, size) for text in train))
    return [index for index, text in enumerate(held_out) if not shingles(text, size) & known]
