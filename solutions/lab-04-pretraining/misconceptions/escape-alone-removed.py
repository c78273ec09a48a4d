"""Only the ESC character goes; the rest of an ANSI sequence stays as text."""

NOTEBOOK = "data"
HINT = {
    "en": "The invisible ESC is gone, but '[32m' now stands in the text. An escape sequence goes as a whole, before control characters do.",
    "zh": "看不见的 ESC 是删了，可“[32m”却留在了文本里。转义序列要整段删掉，而且要赶在删控制字符之前。",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]
EDIT = ("clean", '    text = re.sub(r"\\x1b\\[[0-9;?]*[A-Za-z]", "", text)\n', "")
