"""White space goes at both ends of each line."""

NOTEBOOK = "data"
HINT = {
    "en": "You strip lines at both ends. What does Python code mean without its indentation?",
    "zh": "你把每行两头的空白都去掉了。没有缩进的 Python 代码还成立吗？",
}
FAILS = [
    "test_clean_takes_what_is_unseen_and_keeps_what_is_seen",
]
EDIT = (
    "clean",
    'text = re.sub(r"[ \\t]+$", "", "".join(kept), flags=re.MULTILINE)',
    'text = "\\n".join(line.strip() for line in "".join(kept).split("\\n"))',
)
