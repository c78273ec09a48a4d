"""The number of words is that of the pieces between white space."""

NOTEBOOK = "data"
HINT = {
    "en": "You count what stands between spaces. Chinese has none: a sentence would be one word. Count units.",
    "zh": "你数的是空格之间的片段。中文不写空格，一整句就成了一个词。应该数单位。",
}
FAILS = [
    "test_quality_measures_and_their_limits",
]


def quality_report(text):
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    letters = [character for character in text if character.isalpha()]
    found = units(text)

    def share(count, whole):
        return count / len(whole) if whole else 0.0

    return {
        "n_words": float(len(words)),
        "mean_word_length": share(sum(map(len, words)), words),
        "alphabetic": share(sum(any(map(str.isalpha, word)) for word in words), words),
        "symbols": share(text.count("#") + text.count("...") + text.count("…"), words),
        "bullet_lines": share(sum(line.startswith(("-", "*", "•")) for line in lines), lines),
        "ellipsis_lines": share(sum(line.endswith(("...", "…")) for line in lines), lines),
        "duplicate_lines": share(len(lines) - len(set(lines)), lines),
        "stop_words": float(len(STOP_WORDS & set(found))),
        "han": share(sum("\u4e00" <= character <= "\u9fff" for character in letters), letters),
    }
