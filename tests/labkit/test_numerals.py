"""Numbers in words."""

import pytest

from labkit.numerals import chinese, english


@pytest.mark.parametrize(
    ("number", "words", "characters"),
    [
        (0, "zero", "零"),
        (10, "ten", "十"),
        (15, "fifteen", "十五"),
        (20, "twenty", "二十"),
        (100, "one hundred", "一百"),
        (115, "one hundred fifteen", "一百一十五"),
        (3004, "three thousand four", "三千零四"),
        (40506, "forty thousand five hundred six", "四万零五百零六"),
        (70010, "seventy thousand ten", "七万零一十"),
        (99999, "ninety nine thousand nine hundred ninety nine", "九万九千九百九十九"),
    ],
)
def test_numbers_are_written_out(number: int, words: str, characters: str):
    assert (" ".join(english(number)), "".join(chinese(number))) == (words, characters)
