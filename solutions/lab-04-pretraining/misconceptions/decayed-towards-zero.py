"""AdamW decays by its default."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your AdamW still decays its weights (0.01 by default): it pulls what was learnt towards 0, and no text asked for that.",
    "zh": "你的 AdamW 还在做权重衰减（默认 0.01）：它把学到的东西往 0 拉，而没有任何文本要求这样。",
}
FAILS = ["test_the_updates_are_those_asked_for"]
EDIT = ("continue_pretraining", "weight_decay=0.0, ", "")
