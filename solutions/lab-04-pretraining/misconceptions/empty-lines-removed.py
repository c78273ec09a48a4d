"""All empty lines go, paragraphs run together."""

NOTEBOOK = "data"
HINT = {
    "en": "More than one empty line in a row becomes ONE, not none: it parts the paragraphs.",
    "zh": "连续多个空行应变成*一个*，而不是全删：段落靠它分开。",
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
    text = re.sub(r"\n{2,}", "\n", text).strip("\n")
    return unicodedata.normalize("NFC", text)
