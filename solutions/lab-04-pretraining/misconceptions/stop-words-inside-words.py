"""Stop words are looked for in the text as a string."""

NOTEBOOK = "data"
HINT = {
    "en": "You find 'the' in 'other' and 'to' in 'toga'. A stop word is a whole unit.",
    "zh": "你在“other”里找到了“the”，在“toga”里找到了“to”。停用词应是完整的单位。",
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
        "duplicate_lines": share(len(lines) - len(set(lines)), lines),
        "stop_words": float(sum(word in text.lower() for word in STOP_WORDS)),
        "han": share(sum("\u4e00" <= character <= "\u9fff" for character in letters), letters),
    }
