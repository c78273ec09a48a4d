"""The number of words is that of the pieces between white space."""

NOTEBOOK = "data"
HINT = {
    "en": "You count what stands between spaces. Chinese has none: a sentence would be one word. Count units.",
    "zh": "你数的是空格之间的片段。中文不写空格，一整句就成了一个词。应该数单位。",
}
FAILS = [
    "test_quality_measures_and_their_limits",
]
EDIT = ("quality_report", "len(found)", "len(words)")
