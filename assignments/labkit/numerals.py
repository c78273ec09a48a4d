"""Numbers in words, in English and Chinese: a small translation task that is right or wrong without a judge."""

ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
DIGITS = "零一二三四五六七八九"
UNITS = ("", "十", "百", "千", "万")


def english(number: int) -> list[str]:
    """0 to 99,999 in words. Example: 40506 -> ["forty", "thousand", "five", "hundred", "six"]."""
    if number < 20:
        return [ONES[number]]
    if number < 100:
        rest = [ONES[number % 10]] if number % 10 else []
        return [TENS[number // 10 - 2], *rest]
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = english(number % size) if number % size else []
    return [*english(number // size), name, *rest]


def chinese(number: int) -> list[str]:
    """0 to 99,999 in characters. Example: 40506 -> ["四", "万", "零", "五", "百", "零", "六"]."""
    digits = [int(digit) for digit in str(number)]
    written: list[str] = []
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit:
            written += [DIGITS[digit], UNITS[place]] if place else [DIGITS[digit]]
        elif written and written[-1] != "零":
            written.append("零")  # however many zeros stand in a row
    while len(written) > 1 and written[-1] == "零":
        written.pop()
    if 10 <= number < 20:
        written = written[1:]  # 十五, not 一十五
    return written or ["零"]
