"""White space goes at both ends of each line."""

NOTEBOOK = "data"
HINT = {
    "en": "You strip lines at both ends. What does Python code mean without its indentation?",
    "zh": "你把每行两头的空白都去掉了。没有缩进的 Python 代码还成立吗？",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]


def clean(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category == "Zs":
            kept.append(" ")
        elif character in "\n\t" or (category != "Cc" and character not in "\ufeff\u200b"):
            kept.append(character)
    text = "\n".join(line.strip() for line in "".join(kept).split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return unicodedata.normalize("NFC", text)
