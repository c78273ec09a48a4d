"""Text is normalised with NFKC."""

NOTEBOOK = "data"
HINT = {
    "en": "NFKC also changes what a reader sees: look at the comma of a Chinese sentence, and at 10².",
    "zh": "NFKC 连读者看得见的东西也改了：看看中文句子里的逗号，还有 10²。",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]
EDIT = ("clean", 'return unicodedata.normalize("NFC", text)', 'return unicodedata.normalize("NFKC", text)')
