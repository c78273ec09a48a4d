"""Public checks of data."""

from typing import Any

import torch

from labkit.check import case, fail

# ---- 1 clean-dedup --------------------------------------------------------------------------------------


@case("clean-dedup", en="clean: the example of the docstring", zh="clean：docstring 里的例子")
def clean_example(student: Any) -> None:
    cleaned = student.clean("\x1b[32mIf x:\x1b[0m  \r\n\tpass\n\n\n\nend\n")
    if cleaned != "If x:\n\tpass\n\nend":
        fail(
            f"It should be 'If x:\\n\\tpass\\n\\nend', yours is {cleaned!r}.",
            f"应为 'If x:\\n\\tpass\\n\\nend'，你的是 {cleaned!r}。",
        )


@case("clean-dedup", en="clean: Chinese punctuation and accents", zh="clean：中文标点与重音符号")
def clean_unicode(student: Any) -> None:
    cleaned = student.clean("\u3000\u3000好，“cafe\u0301”：10²\ufeff")
    if cleaned != "  好，“café”：10²":
        fail(
            f"It should be '  好，“café”：10²' (an indent is kept, as two ordinary spaces), yours is {cleaned!r}.",
            f"应为 '  好，“café”：10²'（行首的缩进要保留，变成两个普通空格），你的是 {cleaned!r}。",
        )


@case("clean-dedup", en="quality_report: two lines in English", zh="quality_report：两行英文")
def report_of_two_lines(student: Any) -> None:
    report = student.quality_report("- The end of the story...\n\n- The end of 12 #stories\n")
    expected = {
        "n_words": 10, "mean_word_length": 39 / 12, "alphabetic": 9 / 12, "symbols": 2 / 12, "bullet_lines": 1,
        "ellipsis_lines": 0.5, "duplicate_lines": 0, "stop_words": 2, "han": 0,
    }  # fmt: skip
    for name, value in expected.items():
        if name not in report or abs(report[name] - value) > 1e-6:
            fail(
                f"`{name}` should be {value:.4g}, yours is {report.get(name)}.",
                f"`{name}` 应为 {value:.4g}，你的是 {report.get(name)}。",
            )


@case("clean-dedup", en="quality_report: six dots are two ellipses", zh="quality_report：六个点算两个省略号")
def six_dots(student: Any) -> None:
    symbols = student.quality_report("wait...... # yes…").get("symbols")
    if symbols is None or abs(symbols - 4 / 3) > 1e-6:
        fail(
            f"2 of '...', 1 of '#' and 1 of '…' for 3 words: `symbols` is 1.333, yours is {symbols}.",
            f"2 个“...”、1 个“#”、1 个“…”，共 3 个词：`symbols` 应为 1.333，你的是 {symbols}。",
        )


@case("clean-dedup", en="violations names what is outside the limits", zh="violations 给出越界的指标名")
def violations_by_name(student: Any) -> None:
    found = student.violations("好 好 学习 day day up", {"han": (0.5, 1), "n_words": (7, 10), "stop_words": (0, 0)})
    if found != ["han"]:
        fail(
            f"4 of 12 letters are Chinese, and 7 units are allowed: ['han']; yours is {found}.",
            f"12 个字母里有 4 个汉字，7 个单位在范围内：应为 ['han']；你的是 {found}。",
        )


@case("clean-dedup", en="exact_dedup keeps the first of each", zh="exact_dedup 保留每组的第一篇")
def first_copies(student: Any) -> None:
    kept = student.exact_dedup(["b  a", "c", "B\na ", "C", "d"])
    if list(kept) != [0, 1, 4]:
        fail(f"Kept are 0, 1 and 4; yours are {kept}.", f"保留的是 0、1、4；你的是 {kept}。")


@case("clean-dedup", en="shingles and jaccard", zh="shingles 与 jaccard")
def small_sets(student: Any) -> None:
    found = student.shingles("To be, or not", size=3)
    if found != {"to be or", "be or not"}:
        fail(
            f"The example of the docstring gives {{'to be or', 'be or not'}}, yours gives {found}.",
            f"docstring 的例子应为 {{'to be or', 'be or not'}}，你的是 {found}。",
        )
    similarity = student.jaccard({"a", "b", "c"}, {"b", "c", "d", "e"})
    if abs(similarity - 0.4) > 1e-6:
        fail(f"2 of 5 are common: 0.4; yours is {similarity}.", f"5 个里有 2 个相同：0.4；你的是 {similarity}。")


@case("clean-dedup", en="minhash: the formula on two shingles", zh="minhash：两个 shingle 代入公式")
def minhash_formula(student: Any) -> None:
    a, b = student.coefficients(3, 7)
    hashes = [(a * student.hash31(shingle) + b) % (2**31 - 1) for shingle in ("x y", "y z")]
    signature = student.minhash({"x y", "y z"}, n_hashes=3, seed=7)
    if not isinstance(signature, torch.Tensor) or signature.tolist() != torch.minimum(*hashes).tolist():
        fail(
            "Each entry is the smaller one of the two hashes (a x + b) mod P.",
            "每一项都是两个哈希值 (a x + b) mod P 中较小的那个。",
        )


@case("clean-dedup", en="candidates share a whole band", zh="候选对要有一整段相同")
def shared_bands(student: Any) -> None:
    signatures = torch.tensor([[1, 2, 3, 4], [1, 2, 9, 9], [3, 4, 1, 2], [1, 8, 9, 4]])
    pairs = [tuple(pair) for pair in student.candidates(signatures, bands=2)]
    if pairs != [(0, 1)]:
        fail(
            f"Only 0 and 1 agree in a whole band (the first): [(0, 1)]; yours is {pairs}.",
            f"只有 0 和 1 有一整段（第一段）相同：[(0, 1)]；你的是 {pairs}。",
        )


@case("clean-dedup", en="minhash_dedup keeps the first of near-duplicates", zh="minhash_dedup 保留近似重复中的第一篇")
def near_duplicates(student: Any) -> None:
    story = [f"word{number}" for number in range(60)]
    docs = [
        " ".join(story),
        "something quite different that has nothing in common with it",
        " ".join([*story[:59], "end"]),
    ]
    kept = list(student.minhash_dedup(docs, threshold=0.8))
    if kept != [0, 1]:
        fail(
            f"The third differs from the first in one word of sixty: kept are 0 and 1; yours are {kept}.",
            f"第三篇与第一篇 60 个词只差一个：应保留 0 和 1；你的是 {kept}。",
        )


@case("clean-dedup", en="decontaminate drops what overlaps", zh="decontaminate 去掉有重叠的文档")
def overlapping_training_text(student: Any) -> None:
    train = ["we said a b c d e as well", "a b c only", "nothing of it"]
    kept = list(student.decontaminate(train, ["x a b c d e y"], size=4))
    if kept != [1, 2]:
        fail(
            f"Only the first shares four units in a row: kept are 1 and 2; yours are {kept}.",
            f"只有第一篇有连续四个相同的单位：应保留 1 和 2；你的是 {kept}。",
        )


@case("clean-dedup", en="decontaminate: a short held-out text", zh="decontaminate：很短的留出文本")
def short_held_out_text(student: Any) -> None:
    kept = list(student.decontaminate(["so be it", "they said so be it again"], ["So be it."], size=5))
    if kept != [1]:
        fail(
            f"A text of 3 units is one run, found only where it is a whole document: kept is 1; yours are {kept}.",
            f"3 个单位的文本整个算一串，只有它就是整篇文档时才会被发现：应保留 1；你的是 {kept}。",
        )


# ---- 2 pack-mix -----------------------------------------------------------------------------------------


@case("pack-mix", en="pack: the drawing", zh="pack：图上的例子")
def packing_drawing(student: Any) -> None:
    ids, document = student.pack([[5, 6, 7], [8, 9], [3, 4, 5, 6]], seq_len=5, eos_id=0)
    if ids.tolist() != [[5, 6, 7, 0, 8], [9, 0, 3, 4, 5], [6, 0, 0, 0, 0]]:
        fail(
            f"The ids should be those of the drawing, yours are {ids.tolist()}.",
            f"ids 应与图中一致，你的是 {ids.tolist()}。",
        )
    if document.tolist() != [[0, 0, 0, 0, 1], [1, 1, 2, 2, 2], [2, 2, -1, -1, -1]]:
        fail(
            f"The documents should be those of the drawing, yours are {document.tolist()}.",
            f"document 应与图中一致，你的是 {document.tolist()}。",
        )


@case("pack-mix", en="mask and positions of one row", zh="一行的掩码与位置")
def mask_and_positions(student: Any) -> None:
    document = torch.tensor([[4, 4, 5, 5, 5]])
    mask = student.packed_mask(document)
    if mask.dtype != torch.bool or mask[0].int().tolist() != [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1],
    ]:  # fmt: skip
        fail(
            "Two lower triangles on the diagonal, one of 2 and one of 3 tokens.",
            "对角线上应有两个下三角，一个 2 个 token，一个 3 个 token。",
        )
    positions = student.packed_positions(document)
    if positions.tolist() != [[0, 1, 0, 1, 2]]:
        fail(
            f"The positions are [0, 1, 0, 1, 2]; yours are {positions.tolist()}.",
            f"位置应为 [0, 1, 0, 1, 2]；你的是 {positions.tolist()}。",
        )


@case("pack-mix", en="positions of padding", zh="填充的位置编号")
def positions_of_padding(student: Any) -> None:
    positions = student.packed_positions(torch.tensor([[6, 6, 6, -1, -1]]))
    if positions.tolist() != [[0, 1, 2, 0, 1]]:
        fail(
            f"Padding counts as a document of its own: [0, 1, 2, 0, 1]; yours are {positions.tolist()}.",
            f"填充也算一篇文档：应为 [0, 1, 2, 0, 1]；你的是 {positions.tolist()}。",
        )


@case("pack-mix", en="mix: shares are shares of tokens", zh="mix：占比按 token 计")
def shares_of_tokens(student: Any) -> None:
    mixture = student.mix([[1] * 10] * 4, [[2] * 40] * 3, ratio=0.5, n=400, seed=3)
    sizes = [sum(len(tokens) for tokens in mixture if tokens[0] == corpus) for corpus in (1, 2)]
    if sum(sizes) < 400 or abs(sizes[0] - sizes[1]) > 40:
        fail(
            f"Half of the tokens from each; yours are {sizes[0]} and {sizes[1]}.",
            f"两边的 token 应各占一半；你的是 {sizes[0]} 和 {sizes[1]}。",
        )


@case("pack-mix", en="mix: nothing from a corpus with share 0", zh="mix：占比为 0 的语料不出现")
def nothing_of_share_zero(student: Any) -> None:
    for ratio, corpus in ((0.0, 1), (1.0, 2)):
        mixture = student.mix([[1, 1]], [[2, 2, 2]], ratio=ratio, n=7)
        if {tokens[0] for tokens in mixture} != {corpus}:
            fail(f"With ratio {ratio} one corpus alone is read.", f"ratio 为 {ratio} 时，只读其中一个语料。")
