"""The first of several equal lines is counted as a duplicate, too."""

NOTEBOOK = "data"
HINT = {
    "en": "You count all lines that occur more than once. The first of them repeats nothing.",
    "zh": "出现不止一次的行，你全都算成了重复。其中第一行并没有重复任何东西。",
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
        "n_words": float(len(found)),
        "mean_word_length": share(sum(map(len, words)), words),
        "alphabetic": share(sum(any(map(str.isalpha, word)) for word in words), words),
        "symbols": share(text.count("#") + text.count("...") + text.count("…"), words),
        "bullet_lines": share(sum(line.startswith(("-", "*", "•")) for line in lines), lines),
        "ellipsis_lines": share(sum(line.endswith(("...", "…")) for line in lines), lines),
        "duplicate_lines": share(sum(lines.count(line) > 1 for line in lines), lines),
        "stop_words": float(len(STOP_WORDS & set(found))),
        "han": share(sum("\u4e00" <= character <= "\u9fff" for character in letters), letters),
    }
