"""Each byte is taken for a character."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You turn each byte into a character (chr, or latin-1). Several bytes may be one character in UTF-8.",
    "zh": "你把每个字节直接变成一个字符（chr 或 latin-1）。在 UTF-8 里，几个字节才是一个字符。",
}
FAILS = ["test_every_text_comes_back", "test_bytes_are_joined_before_they_are_read"]
EDIT = ("Tokenizer.decode", '"utf-8", errors="replace"', '"latin-1"')
