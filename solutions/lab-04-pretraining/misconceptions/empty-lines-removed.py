"""All empty lines go, paragraphs run together."""

NOTEBOOK = "data"
HINT = {
    "en": "More than one empty line in a row becomes ONE, not none: it separates the paragraphs.",
    "zh": "连续多个空行应变成**一个**，而不是全删：段落靠它分开。",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]
EDIT = ("clean", 'r"\\n{3,}", "\\n\\n"', 'r"\\n{2,}", "\\n"')
