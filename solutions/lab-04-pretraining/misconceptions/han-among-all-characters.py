"""The share of Chinese characters is taken among all characters, spaces and punctuation included."""

NOTEBOOK = "data"
HINT = {
    "en": "You divide the Chinese characters by all characters. A Chinese page full of digits and punctuation is still Chinese: divide by the letters.",
    "zh": "你用所有字符作分母了。满是数字和标点的中文页面仍是中文：分母应是字母。",
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
        "stop_words": float(len(STOP_WORDS & set(found))),
        "han": share(sum("\u4e00" <= character <= "\u9fff" for character in letters), text),
    }
