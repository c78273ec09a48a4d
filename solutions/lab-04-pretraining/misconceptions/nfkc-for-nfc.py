"""Text is normalised with NFKC."""

NOTEBOOK = "data"
HINT = {
    "en": "NFKC also changes what a reader sees: look at the comma of a Chinese sentence, and at 10².",
    "zh": "NFKC 连读者看得见的东西也改了：看看中文句子里的逗号，还有 10²。",
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
    text = re.sub(r"[ \t]+$", "", "".join(kept), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return unicodedata.normalize("NFKC", text)
