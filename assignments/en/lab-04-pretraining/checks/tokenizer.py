"""Public checks of tokenizer."""

from typing import Any

from labkit.check import case, fail

BYTES = {byte: bytes([byte]) for byte in range(256)}


# ---- 1 bpe-train ----------------------------------------------------------------------------------------


@case("bpe-train", en="pre-tokens keep the space before them", zh="片段带着前面的空格")
def spaces_stay(student: Any) -> None:
    pieces = student.pretokenize("We'll see  2 cats")
    if pieces != [b"We", b"'ll", b" see", b" ", b" 2", b" cats"]:
        fail(
            f"\"We'll see  2 cats\" is We, 'll, ␣see, ␣, ␣2, ␣cats, each as bytes; yours: {pieces}",
            f"“We'll see  2 cats”应切成 We、'll、␣see、␣、␣2、␣cats，每个都是 bytes；你的是：{pieces}",
        )


@case("bpe-train", en="special tokens are pieces of their own", zh="特殊 token 单独成段")
def special_pieces(student: Any) -> None:
    pieces = student.split_special("<|a|>one<|a|><|b|>two", ["<|a|>", "<|b|>"])
    if pieces != ["<|a|>", "one", "<|a|>", "<|b|>", "two"]:
        fail(
            f"Five pieces, none of them empty: <|a|>, one, <|a|>, <|b|>, two. Yours: {pieces}",
            f"应有五段，没有空段：<|a|>、one、<|a|>、<|b|>、two。你的是：{pieces}",
        )
    if student.split_special("no special token", []) != ["no special token"]:
        fail("Without special tokens the text is one piece.", "没有特殊 token 时，整段文本就是一段。")


@case("bpe-train", en="five in a row", zh="五个连在一起")
def five_in_a_row(student: Any) -> None:
    merged = student.merge_pair([9, 9, 9, 9, 9, 4], (9, 9), 300)
    if merged != [300, 300, 9, 4]:
        fail(
            f"From the left: 9 9 9 9 9 4 becomes 300 300 9 4, not {merged}.",
            f"从左到右：9 9 9 9 9 4 变成 300 300 9 4，而不是 {merged}。",
        )


@case("bpe-train", en="the first three merges by hand", zh="手算最前面的三次合并")
def first_merges(student: Any) -> None:
    vocab, merges = student.train_bpe("cab cab cab bad bad", 259, [])
    # cab once, ␣cab and ␣bad twice each: (a, b) 3, (c, a) 3, and 2 of each of (␣, b), (␣, c), (a, d), (b, a).
    if not merges or merges[0] != (b"a", b"b"):
        fail(
            "In cab cab cab bad bad the pairs (a, b) and (c, a) come 3 times each: (a, b) has the smaller ids.",
            "cab cab cab bad bad 里最频繁的是 (a, b) 和 (c, a)，各 3 次：(a, b) 的 id 更小。",
        )
    if merges != [(b"a", b"b"), (b"c", b"ab"), (b" ", b"b")]:
        fail(
            "After ab comes cab (3 times). Then four pairs come twice, (␣, b) is one: which has the smallest ids?",
            "ab 之后是 cab（3 次）。然后有四个 pair 各出现 2 次，(␣, b) 是其中之一：哪个的 id 最小？",
        )
    if vocab != {**BYTES, 256: b"ab", 257: b"cab", 258: b" b"}:
        fail("The vocabulary is the 256 bytes, then ab, cab and ␣b.", "词表应是 256 个字节，然后是 ab、cab、␣b。")


@case("bpe-train", en="a special token cuts, and has the last id", zh="特殊 token 切断文本，id 排在最后")
def special_last(student: Any) -> None:
    vocab, merges = student.train_bpe("xy<|end|>xy<|end|>", 300, ["<|end|>"])
    if merges != [(b"x", b"y")]:
        fail(
            "The text is xy and xy: one merge, and no pair is left. Do you count the characters of <|end|>?",
            "文本只有 xy 和 xy：合并一次之后就没有 pair 了。你是不是把 <|end|> 的字符也计入了？",
        )
    if vocab.get(257) != b"<|end|>" or len(vocab) != 258:
        fail("The special token comes right after the last merge.", "特殊 token 紧跟在最后一次合并之后。")


# ---- 2 bpe-encode ---------------------------------------------------------------------------------------


@case("bpe-encode", en="the lowest rank goes first", zh="rank 最小的先合并")
def lowest_rank_first(student: Any) -> None:
    vocab = {**BYTES, 256: b"bc", 257: b"ab", 258: b"abc"}
    ids = student.Tokenizer(vocab, [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")], []).encode("abc")
    if ids != [97, 256]:
        fail(
            f"With the merges (b, c), (a, b), (ab, c) the text abc is a, bc = [97, 256], not {ids}.",
            f"合并依次为 (b, c)、(a, b)、(ab, c) 时，abc 编码为 a、bc，即 [97, 256]，而不是 {ids}。",
        )


@case("bpe-encode", en="ids are those of the vocabulary", zh="id 以词表为准")
def ids_of_the_vocabulary(student: Any) -> None:
    vocab = {1000 - byte: token for byte, token in BYTES.items()} | {5: b"hi"}
    ids = student.Tokenizer(vocab, [(b"h", b"i")], []).encode("hi!")
    if ids != [5, 1000 - ord("!")]:
        fail(
            f"This vocabulary gives hi the id 5, and the byte ! the id {1000 - ord('!')}. Yours: {ids}",
            f"这个词表里 hi 的 id 是 5，字节 ! 的 id 是 {1000 - ord('!')}。你的是：{ids}",
        )


@case("bpe-encode", en="a character in three tokens", zh="一个字分在三个 token 里")
def character_in_pieces(student: Any) -> None:
    tokenizer = student.Tokenizer(BYTES, [], [])
    if tokenizer.decode(list("语a".encode())) != "语a":
        fail("E8 AF AD 61 is 语a: join the bytes before you decode.", "E8 AF AD 61 是“语a”：先拼接字节，再解码。")
    if tokenizer.decode([0xE8, 0xAF, 0x61]) != "\N{REPLACEMENT CHARACTER}a":
        fail("E8 AF 61 is half a character, then a: �a.", "E8 AF 61 是半个字加 a：�a。")


@case("bpe-encode", en="special tokens, there and back", zh="特殊 token：编码再解码，原样返回")
def special_there_and_back(student: Any) -> None:
    text = " the end<|end|>\n\tnot <|end "
    tokenizer = student.Tokenizer({**BYTES, 256: b"<|end|>"}, [], ["<|end|>"])
    ids = tokenizer.encode(text)
    if ids.count(256) != 1:
        fail(
            f"<|end|> stands there once, as one id, 256. Yours: {ids}",
            f"<|end|> 出现一次，是一个 id：256。你的是：{ids}",
        )
    if tokenizer.decode(ids) != text:
        fail(
            "decode(encode(text)) is the text, white space included.",
            "decode(encode(text)) 就是原文，空白也不例外。",
        )
