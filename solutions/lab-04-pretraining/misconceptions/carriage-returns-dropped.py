"""A lone carriage return is taken for a control character instead of the end of a line."""

NOTEBOOK = "data"
HINT = {
    "en": "Old files end their lines with \\r alone. If it is removed with the control characters, all lines become one.",
    "zh": "有些旧文件只用 \\r 换行。如果把它当控制字符删掉，所有行就连成一行了。",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]
EDIT = ("clean", 'text = text.replace("\\r\\n", "\\n").replace("\\r", "\\n")', 'text = text.replace("\\r\\n", "\\n")')
