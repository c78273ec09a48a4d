"""Public checks of tokenizer."""

from typing import Any

from labkit.check import case, fail

BYTES = {byte: bytes([byte]) for byte in range(256)}


# ---- 1 bpe-naive ----------------------------------------------------------------------------------------


@case("bpe-naive", en="pre-tokens keep the space before them", zh="片段带着前面的空格")
def spaces_stay(student: Any) -> None:
    pieces = student.pretokenize("We'll see  2 cats")
    if pieces != [b"We", b"'ll", b" see", b" ", b" 2", b" cats"]:
        fail(
            f"\"We'll see  2 cats\" is We, 'll, ␣see, ␣, ␣2, ␣cats, each as bytes; yours: {pieces}",
            f"“We'll see  2 cats”应切成 We、'll、␣see、␣、␣2、␣cats，每个都是 bytes；你的是：{pieces}",
        )


@case("bpe-naive", en="special tokens are pieces of their own", zh="特殊 token 单独成段")
def special_pieces(student: Any) -> None:
    pieces = student.split_special("<|a|>one<|a|><|b|>two", ["<|a|>", "<|b|>"])
    if pieces != ["<|a|>", "one", "<|a|>", "<|b|>", "two"]:
        fail(
            f"Five pieces, none of them empty: <|a|>, one, <|a|>, <|b|>, two. Yours: {pieces}",
            f"应有五段，没有空段：<|a|>、one、<|a|>、<|b|>、two。你的是：{pieces}",
        )
    if student.split_special("no special token", []) != ["no special token"]:
        fail("Without special tokens the text is one piece.", "没有特殊 token 时，整段文本就是一段。")


@case("bpe-naive", en="of two special tokens, the longer", zh="两个特殊 token 取较长的")
def longer_special_token(student: Any) -> None:
    pieces = student.split_special("x<|e|>y<|e", ["<|e", "<|e|>"])
    if pieces != ["x", "<|e|>", "y", "<|e"]:
        fail(
            f"<|e and <|e|> begin at the same place: the longer counts. x, <|e|>, y, <|e; yours: {pieces}",
            f"<|e 和 <|e|> 从同一位置开始，取较长的：x、<|e|>、y、<|e。你的是：{pieces}",
        )


@case("bpe-naive", en="five in a row", zh="五个连在一起")
def five_in_a_row(student: Any) -> None:
    merged = student.merge_pair([9, 9, 9, 9, 9, 4], (9, 9), 300)
    if merged != [300, 300, 9, 4]:
        fail(
            f"From the left: 9 9 9 9 9 4 becomes 300 300 9 4, not {merged}.",
            f"从左到右：9 9 9 9 9 4 变成 300 300 9 4，而不是 {merged}。",
        )


@case("bpe-naive", en="a pair counts as often as its words", zh="词出现几次，相邻对就算几次")
def pairs_of_frequent_words(student: Any) -> None:
    merges = student.train_bpe_naive({b"ab": 2, b"cd": 3, b"xab": 2}, 3)
    # (a, b) stands in two words that occur twice each: 4. (c, d) 3, (x, a) 2.
    if merges != [(b"a", b"b"), (b"c", b"d"), (b"x", b"ab")]:
        fail(
            f"With ab twice, cd three times and xab twice, (a, b) occurs 4 times and (c, d) 3 times. Then x is a neighbour "
            f"of ab. Yours: {merges}",
            f"ab 出现两次、cd 三次、xab 两次，所以 (a, b) 共 4 次，(c, d) 共 3 次；之后 x 的邻居是 ab。你的是：{merges}",
        )


@case("bpe-naive", en="overlapping, and side by side", zh="重叠的，和紧挨着的")
def overlapping_and_side_by_side(student: Any) -> None:
    merges = student.train_bpe_naive({b"aaaa": 2, b"xy": 5}, 1)
    if merges != [(b"a", b"a")]:
        fail(
            f"aaaa has (a, a) at three positions, and it occurs twice: 6, more than the 5 of (x, y). Yours: {merges}",
            f"aaaa 里 (a, a) 占三个位置，它出现两次，共 6 次，比 (x, y) 的 5 次多。你的是：{merges}",
        )
    merges = student.train_bpe_naive({b"abab": 2, b"xy": 1}, 2)
    if merges != [(b"a", b"b"), (b"ab", b"ab")]:
        fail(
            f"In abab the first merge makes ab twice, and these two are neighbours: the next pair. Yours: {merges}",
            f"abab 里第一次合并得到两个 ab，它们相邻，就是下一个相邻对。你的是：{merges}",
        )


@case("bpe-naive", en="ties go to the smallest ids", zh="平局取 id 最小的")
def smallest_ids(student: Any) -> None:
    merges = student.train_bpe_naive({b"zy": 1, b"ba": 1, b"ac": 1}, 2)
    if merges != [(b"a", b"c"), (b"b", b"a")]:
        fail(
            f"zy, ba and ac occur once each: (a, c) has the smallest ids, then (b, a). Yours: {merges}",
            f"zy、ba、ac 各出现一次：(a, c) 的 id 最小，其次是 (b, a)。你的是：{merges}",
        )


@case("bpe-naive", en="until no pair is left", zh="直到没有相邻对")
def no_pair_left(student: Any) -> None:
    merges = student.train_bpe_naive({b"pqr": 1}, 9)
    if merges != [(b"p", b"q"), (b"pq", b"r")]:
        fail(
            f"pqr takes two merges, then no pair is left: stop, although nine are allowed. Yours: {merges}",
            f"pqr 合并两次之后就没有相邻对了：虽然最多可以合并九次，也要停下。你的是：{merges}",
        )
    if student.train_bpe_naive({b"p": 1}, 9) != []:
        fail("A word of one byte has no pair: no merges.", "单字节的词没有相邻对：不做合并。")


# ---- 2 bpe-train ----------------------------------------------------------------------------------------


@case("bpe-train", en="the first three merges by hand", zh="手算最前面的三次合并")
def first_merges(student: Any) -> None:
    vocab, merges = student.train_bpe("cab cab cab bad bad", 259, [])
    # cab once, ␣cab and ␣bad twice each: (a, b) 3, (c, a) 3, and 2 of each of (␣, b), (␣, c), (a, d), (b, a).
    if not merges or merges[0] != (b"a", b"b"):
        fail(
            "In cab cab cab bad bad the pairs (a, b) and (c, a) occur 3 times each: (a, b) has the smaller ids.",
            "cab cab cab bad bad 里最频繁的是 (a, b) 和 (c, a)，各 3 次：(a, b) 的 id 更小。",
        )
    if merges != [(b"a", b"b"), (b"c", b"ab"), (b" ", b"b")]:
        fail(
            "After ab comes cab (3 times). Then four pairs occur twice, (␣, b) is one of them: which has the smallest ids?",
            "ab 之后是 cab（3 次）。然后有四个相邻对各出现 2 次，(␣, b) 是其中之一：哪个的 id 最小？",
        )
    if vocab != {**BYTES, 256: b"ab", 257: b"cab", 258: b" b"}:
        fail("The vocabulary is the 256 bytes, then ab, cab and ␣b.", "词表应是 256 个字节，然后是 ab、cab、␣b。")


@case("bpe-train", en="a special token cuts, and has the last id", zh="特殊 token 切断文本，id 排在最后")
def special_last(student: Any) -> None:
    vocab, merges = student.train_bpe("xy<|end|>xy<|end|>", 300, ["<|end|>"])
    if merges != [(b"x", b"y")]:
        fail(
            "The text is xy and xy: one merge, and no pair is left. Do you count the characters of <|end|>?",
            "文本只有 xy 和 xy：合并一次之后就没有相邻对了。你是不是把 <|end|> 的字符也计入了？",
        )
    if vocab.get(257) != b"<|end|>" or len(vocab) != 258:
        fail("The special token comes right after the last merge.", "特殊 token 紧跟在最后一次合并之后。")


@case("bpe-train", en="until no pair is left", zh="直到没有相邻对")
def until_no_pair_is_left(student: Any) -> None:
    vocab, merges = student.train_bpe("pqr", 300, [])
    if merges != [(b"p", b"q"), (b"pq", b"r")] or len(vocab) != 258:
        fail(
            "Pairs that occur once are merged, too: pqr takes two merges, then no pair is left (258 tokens).",
            "只出现一次的相邻对也要合并：pqr 合并两次，之后没有相邻对了（共 258 个 token）。",
        )
    vocab, merges = student.train_bpe("pqr", 257, ["<|end|>"])
    if merges or vocab.get(256) != b"<|end|>":
        fail(
            "257 is room for the bytes and one special token: no merges, and <|end|> has the id 256.",
            "257 只放得下字节和一个特殊 token：不做合并，<|end|> 的 id 是 256。",
        )


@case("bpe-train", en="no room is a ValueError", zh="放不下时抛出 ValueError")
def no_room(student: Any) -> None:
    try:
        student.train_bpe("pqr", 256, ["<|end|>"])
    except ValueError:
        return
    fail("256 has no room for a special token: raise ValueError.", "256 放不下特殊 token：应抛出 ValueError。")


# ---- 3 bpe-encode ---------------------------------------------------------------------------------------


@case("bpe-encode", en="the lowest rank goes first", zh="次序最靠前的先合并")
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
            f"<|end|> occurs once, so there is one id 256. Yours: {ids}",
            f"<|end|> 出现一次，是一个 id：256。你的是：{ids}",
        )
    if tokenizer.decode(ids) != text:
        fail(
            "decode(encode(text)) is the text, white space included.",
            "decode(encode(text)) 就是原文，空白也不例外。",
        )


@case("bpe-encode", en="only those in special_tokens are special", zh="只有 special_tokens 里的才特殊")
def only_those_given(student: Any) -> None:
    ids = student.Tokenizer({**BYTES, 256: b"<|end|>"}, [], []).encode("<|end|>")
    if ids != list(b"<|end|>"):
        fail(
            f"special_tokens is empty here, so <|end|> is ordinary text: seven bytes. Yours: {ids}",
            f"这里 special_tokens 是空的，所以 <|end|> 是普通文本，共七个字节。你的是：{ids}",
        )


@case("bpe-encode", en="the empty text", zh="空文本")
def empty_text(student: Any) -> None:
    tokenizer = student.Tokenizer(BYTES, [], [])
    if tokenizer.encode("") != [] or tokenizer.decode([]) != "":
        fail('The empty text has no ids, and no ids give "".', '空文本没有 id；没有 id 时解码得到 ""。')
