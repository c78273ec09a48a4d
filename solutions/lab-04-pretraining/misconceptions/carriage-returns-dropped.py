"""A lone carriage return is taken for a control character instead of the end of a line."""

NOTEBOOK = "data"
HINT = {
    "en": "Old files end their lines with \\r alone. If it is removed with the control characters, all lines become one.",
    "zh": "有些旧文件只用 \\r 换行。如果把它当控制字符删掉，所有行就连成一行了。",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]


def clean(text):
    text = text.replace("\r\n", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category == "Zs":
            kept.append(" ")
        elif character in "\n\t" or (category != "Cc" and character not in "\ufeff\u200b"):
            kept.append(character)
    text = re.sub(r"[ \t]+$", "", "".join(kept), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return unicodedata.normalize("NFC", text)
