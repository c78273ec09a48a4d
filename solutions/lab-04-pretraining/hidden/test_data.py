"""Hidden tests of lab 04, data. The references are texts whose clean form is known by construction, brute force over all pairs of
documents, Python's integers for the hashes, and a replay of the mixture document by document; none comes from the solution.

All text is made here from `rng`: a vocabulary of invented words and Chinese characters. What is compared are sets, integers and
strings, which are exact; measures are ratios of small counts, equal to the last digit (the default of `expect.close` is 1e-5).
The MinHash estimates of the reference differ from the Jaccard similarity by at most 2.8 standard errors over 10 secrets; 5 are allowed.
"""

import hashlib
import itertools
import unicodedata

import numpy as np
import pytest
import torch

from autograder.grading import expect
from labkit.i18n import Bilingual

Rng = np.random.Generator
P = 2**31 - 1
SYLLABLES = ["ba", "ke", "lo", "mi", "nu", "pra", "sho", "ti", "vex", "zu"]


def word(rng: Rng) -> str:
    """An invented word of two to four syllables."""
    return "".join(rng.choice(SYLLABLES, rng.integers(2, 5)))


def story(rng: Rng, length: int) -> list[str]:
    """Units that hardly repeat: invented words with a number each."""
    return [f"{word(rng)}{rng.integers(10**6)}" for _ in range(length)]


def han(rng: Rng, length: int) -> str:
    return "".join(chr(0x4E00 + int(code)) for code in rng.integers(0, 0x51A5, length))


def changed(rng: Rng, units: list[str], count: int) -> list[str]:
    """The units with `count` of them, far from each other and from the ends, replaced."""
    result = list(units)
    slots = np.arange(6, len(units) - 6, 8)
    for place in rng.choice(slots, count, replace=False):
        result[place] = story(rng, 1)[0]
    return result


# --- 1. clean-dedup ---------------------------------------------------------------------------------------------------

UNSEEN = ["\x1b[32m", "\x1b[m", "\x1b[1;33m", "\x1b[?25h", "\x07", "\x00", "\x7f", "\x85", "\x0c", "\ufeff", "\u200b"]
SEEN = {
    "\u00a0": " ",
    "\u3000": " ",
    "\u2003": " ",
    "e\u0301": "é",
    "u\u0308": "ü",
    "，": "，",
    "：": "：",
    "²": "²",
    "ﬁ": "ﬁ",
    "\t": "\t",
}


def dirty_and_clean(rng: Rng, newline: str, unseen: bool) -> tuple[str, str]:
    """A text with something to clean in each line, and what it should become."""
    dirty, tidy = [], []
    for number in range(13):
        indent = ["", "    ", "\t", "\t  "][rng.integers(4)]
        first, last = f"{word(rng)}_", han(rng, 3)
        raw, fine = str(rng.choice(list(SEEN))), ""
        fine = SEEN[raw]
        noise = str(rng.choice(UNSEEN)) if unseen else ""
        tail = ["", " ", "\t", "  \t ", "\u3000"][rng.integers(5)]
        dirty.append(f"{indent}{first}{noise}{raw}{last}{tail}")
        tidy.append(f"{indent}{first}{fine}{last}")
        if number < 12:
            empty = int(rng.integers(1, 5))
            dirty += [" " * int(rng.integers(3)) for _ in range(empty - 1)]
            tidy += [""] * min(empty - 1, 1)
    return newline.join(["", " ", *dirty, "", ""]), "\n".join(tidy)


@pytest.mark.problem(
    "clean-dedup",
    points=2,
    rests_on=[
        r"`\r\n` and `\r` become `\n`",
        "ANSI escape sequences are removed, whole: `ESC [`, then parameters out of `0-9 ; ?`, then one letter",
        r"control characters are removed (Unicode category `Cc`) except `\n` and `\t`, and so are the invisible "
        r"U+FEFF (byte order mark) and U+200B (zero-width space)",
        "every other space (Unicode category `Zs`: the no-break space U+00A0, the ideographic space U+3000, ...) "
        "becomes an ordinary space",
        "spaces and tabs at the **end** of a line are removed; those at its beginning stay",
        "more than one empty line in a row becomes one, and empty lines at the beginning and at the end of the text "
        "are removed",
        "the text is put into Unicode's form **NFC**",
        "Removes what a reader does not see, by the seven rules of section 2, in their order.",
        'Cleaning a cleaned text changes nothing. A text of white space and control characters alone becomes "".',
    ],
    hint={
        "en": "`clean` leaves something that nobody sees, or takes something that one does: go through the seven rules. Are escape sequences gone as a whole? Do "
        "indentation, tabs inside a line and full-width punctuation survive? Are lines ended by \\r alone lines, too?",
        "zh": "`clean` 留下了看不见的东西，或者删掉了看得见的东西：把七条规则逐条过一遍。转义序列是整段删掉的吗？缩进、行内的制表符、全角标点还在吗？只用 \\r 结尾的行也算行吗？",
    },
)
def test_clean_takes_what_is_unseen_and_keeps_what_is_seen(student, rng):
    again = Bilingual("clean of a clean text", "干净文本经 clean 之后的结果")
    for newline, unseen in (("\n", False), ("\r\n", True), ("\r", True)):
        dirty, tidy = dirty_and_clean(rng, newline, unseen)
        expect.equal(student.clean(dirty), unicodedata.normalize("NFC", tidy), what="clean")
        expect.equal(student.clean(tidy), tidy, what=again)
    blank = Bilingual("clean of nothing but white space", "只有空白的文本经 clean 之后的结果")
    expect.equal(student.clean(" \r\n\x1b[0m\t\n\u3000"), "", what=blank)


STOP = ["the", "be", "to", "of", "and", "that", "have", "with"]


def article(rng: Rng) -> str:
    """Lines with bullets, ellipses, hashes, stop words inside and outside of other words, and Chinese."""
    lines = []
    for _ in range(11):
        words = [word(rng) for _ in range(rng.integers(2, 7))]
        for extra in rng.choice(
            [*STOP[:5], "The", "OTHER,", "toga", "#tag", "12", "...", "--", "wait…", han(rng, 4), "x,y"], 4
        ):
            words.insert(int(rng.integers(len(words) + 1)), str(extra))
        begin = str(rng.choice(["", "", "- ", "* ", "  • "]))
        lines.append(begin + " ".join(words) + str(rng.choice(["", "", "...", "…", "."])))
    lines[2] += " withers behaved"  # two stop words inside of others
    lines[3] += " \u4e00\u9fff"  # the first and the last that count as Chinese
    repeated = [lines[0], "  " + lines[1], lines[0]]
    return "\n".join(itertools.chain(lines, ["", "   "], repeated))


def report_here(text: str) -> dict[str, float]:
    """The table's measures, one character at a time."""

    def share(values: list[bool | int]) -> float:
        return float(np.mean(values)) if values else 0.0

    units, current = [], ""
    for character in text.lower() + " ":
        single = "\u4e00" <= character <= "\u9fff"
        if single or not (character.isalnum() or character == "_"):
            units += [current] if current else []
            current = ""
            units += [character] if single else []
        else:
            current += character
    words, lines = text.split(), [line.strip() for line in text.splitlines() if line.strip()]
    letters = [character for character in text if character.isalpha()]
    return {
        "n_words": float(len(units)),
        "mean_word_length": share([len(word) for word in words]),
        "alphabetic": share(
            [word.upper() != word.lower() or any("\u4e00" <= c <= "\u9fff" for c in word) for word in words]
        ),
        "symbols": (text.count("#") + text.count("…") + text.count("...")) / len(words) if words else 0.0,
        "bullet_lines": share([line[0] in "-*•" for line in lines]),
        "ellipsis_lines": share([line[-1] == "…" or line[-3:] == "..." for line in lines]),
        "duplicate_lines": share([line in lines[:index] for index, line in enumerate(lines)]),
        "stop_words": float(sum(stop in units for stop in STOP)),
        "han": share(["\u4e00" <= character <= "\u9fff" for character in letters]),
    }


@pytest.mark.problem(
    "clean-dedup",
    points=2,
    rests_on=[
        "The nine measures of the table of section 3, by their names",
        "| `n_words` | number of **units** (below) |",
        "The words of a text in lower case; each Chinese character is a word of its own.",
        "| `mean_word_length` | mean length, in characters, of the **words between white space** |",
        "| `alphabetic` | share of the words between white space that contain a letter (`str.isalpha` of some "
        "character) |",
        "| `symbols` | number of `#`, of `...` and of `…`, added up, per word between white space; counted as by "
        "`str.count`",
        "| `bullet_lines` | share of lines that begin with `-`, `*` or `•` |",
        "| `ellipsis_lines` | share of lines that end in `...` or `…` |",
        "| `duplicate_lines` | share of lines that are the same as an **earlier** line of the document |",
        "| `stop_words` | how many different ones of *the, be, to, of, and, that, have, with* occur, as units |",
        "| `han` | share of Chinese characters (U+4E00 to U+9FFF) among all letters (`str.isalpha`) |",
        "A *line* is one that is not empty, without the white space around it.",
        "For an empty text, all nine are 0.",
        "The names of the measures outside their limits, in the order of `limits`.",
        "A measure that equals a limit is allowed",
    ],
    hint={
        "en": "A measure or its comparison with the limits is wrong. Read the table again: per word, per line or per letter? Is the first of two equal lines a "
        "duplicate? Is 'the' in 'other' a stop word? What is a share of nothing, and is a measure equal to its limit allowed?",
        "zh": "某个指标，或它与上下限的比较有误。请重读表格：分母是词、行还是字母？两行相同时，第一行算重复吗？“other”里的“the”算停用词吗？分母为零时比例是多少？正好等于上下限的指标算越界吗？",
    },
)
def test_quality_measures_and_their_limits(student, rng):
    text = article(rng)
    expected = report_here(text)
    report = student.quality_report(text)
    expect.that(
        isinstance(report, dict) and set(report) == set(expected),
        Bilingual("quality_report should have the nine names of the table", "quality_report 的键应当是表中的九个名字"),
    )
    for name, value in expected.items():
        expect.close(report[name], value, what=f"quality_report(text)['{name}']")
    nothing = student.quality_report("")
    for name in expected:
        expect.close(nothing.get(name), 0.0, what=f"quality_report('')['{name}']")

    words, stops, hans = expected["n_words"], expected["stop_words"], han(rng, 3)
    limits = {
        "han": (0, 1),
        "stop_words": (stops + 1, 9),
        "n_words": (1, words - 1),
        "symbols": (0, 0),
        "alphabetic": (0, 1),
    }
    expect.equal(student.violations(text, limits), ["stop_words", "n_words", "symbols"], what="violations")
    edge = {"n_words": (words, words), "stop_words": (stops, stops)}
    what = Bilingual("violations where each measure equals its limit", "各指标正好等于上下限时的 violations")
    expect.equal(student.violations(text, edge), [], what=what)
    expect.equal(
        student.violations(hans, {"han": (0, 0.9), "n_words": (4, 9)}),
        ["han", "n_words"],
        what=Bilingual("violations of a Chinese text", "中文文本的 violations"),
    )


@pytest.mark.problem(
    "clean-dedup",
    points=1,
    rests_on=(
        "The indices of the documents to keep, in ascending order: the first of each group. Documents that differ "
        "only in case and white space form a group."
    ),
    hint={
        "en": "exact_dedup should keep the first document of each group, in the order of the documents, and take case and white space as equal.",
        "zh": "exact_dedup 应保留每组的第一篇，保持文档原来的顺序，并且不区分大小写和空白。",
    },
)
def test_exact_dedup_keeps_first_copies_in_order(student, rng):
    originals = [story(rng, 5) for _ in range(9)]
    numbers = [*range(9), *rng.integers(0, 9, 20).tolist()]
    numbers = [numbers[index] for index in rng.permutation(len(numbers))]
    docs = []
    for number in numbers:
        words = [str(rng.choice([w, w.upper(), w.title()])) for w in originals[number]]
        docs.append(str(rng.choice([" ", "  ", "\n", "\t "])).join(words) + str(rng.choice(["", "\n"])))
    first = sorted(numbers.index(number) for number in range(9))
    expect.equal([*student.exact_dedup(docs)], first, what="exact_dedup")


def units_here(text: str) -> list[str]:
    """Words in lower case and single Chinese characters: good for texts of words, spaces, commas and Chinese."""
    spaced = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in text.lower())
    return spaced.replace(",", " ").split()


def shingles_here(text: str, size: int = 5) -> set[str]:
    units = units_here(text)
    if len(units) < size:
        return {" ".join(units)} - {""}
    return {" ".join(run) for run in zip(*(units[start:] for start in range(size)), strict=False)}


def jaccard_here(a: set[str], b: set[str]) -> float:
    common = sum(item in b for item in a)
    return common / (len(a) + len(b) - common) if a or b else 1.0


@pytest.mark.problem(
    "clean-dedup",
    points=1,
    rests_on=[
        "All runs of `size` consecutive units, each joined by single spaces.",
        "A text of fewer units is one shingle of all of them; a text without units has none.",
        "The words of a text in lower case; each Chinese character is a word of its own.",
        "def shingles(text: str, size: int = 5)",
        "The size of the intersection over that of the union; 1 for two empty sets.",
    ],
    hint={
        "en": "A shingle is a run of consecutive units (words in lower case, single Chinese characters), the last run included; a shorter text is one shingle. "
        "The Jaccard similarity divides by the union.",
        "zh": "shingle 是一串连续的单位（小写单词，或单个汉字），最后一串也算；不够长的文本整个算一个 shingle。Jaccard 相似度的分母是并集。",
    },
)
def test_shingles_and_their_similarity(student, rng):
    text = f"{word(rng).upper()}, {' '.join(story(rng, 9))} {han(rng, 7)} {word(rng)}"
    for size in (5, 3):
        expect.equal(student.shingles(text, size), shingles_here(text, size), what=f"shingles(text, {size})")
    short = f"{word(rng)}, {han(rng, 2)}"
    what = Bilingual("shingles of a text shorter than one", "文本不够一个 shingle 长时的 shingles")
    expect.equal(student.shingles(short), shingles_here(short), what=what)
    what = Bilingual("shingles of a text without units", "不含任何单位的文本的 shingles")
    expect.equal(student.shingles(" ,"), set(), what=what)
    pool = story(rng, 13)
    a, b = set(pool[:9]), set(pool[6:])
    expect.close(student.jaccard(a, b), jaccard_here(a, b), what="jaccard")
    expect.close(student.jaccard(set(), set()), 1.0, what=Bilingual("jaccard of two empty sets", "两个空集的 jaccard"))
    what = Bilingual("jaccard with one empty set", "其中一个是空集时的 jaccard")
    for one, other in ((a, set()), (set(), a)):
        expect.close(student.jaccard(one, other), 0.0, what=what)


def signature_here(shingles: set[str], n_hashes: int, seed: int) -> torch.Tensor:
    """The formula in Python's integers."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, P, n_hashes).tolist(), rng.integers(0, P, n_hashes).tolist()
    hashes = [int.from_bytes(hashlib.blake2b(s.encode(), digest_size=8).digest(), "little") % P for s in shingles]
    return torch.tensor([min((a[i] * x + b[i]) % P for x in hashes) for i in range(n_hashes)])


@pytest.mark.problem(
    "clean-dedup",
    points=2,
    rests_on=[
        "for each i the smallest (a_i * hash31(s) + b_i) mod P over all shingles s. a and b are "
        "coefficients(n_hashes, seed).",
        "(n_hashes,) int64; P everywhere for an empty set.",
    ],
    hint={
        "en": "The signature is not the minimum over the shingles of (a_i x + b_i) mod P, one for each pair of coefficients. Which axis are the shingles, which the hashes? "
        "Does the share of equal entries estimate the Jaccard similarity?",
        "zh": "签名的每一项应是所有 shingle 的 (a_i x + b_i) mod P 的最小值，每一对系数得到一项。哪一维是 shingle，哪一维是哈希？相等的项所占比例，能估计 Jaccard 相似度吗？",
    },
)
def test_minhash_is_the_minimum_of_each_hash(student, rng):
    for size, n_hashes in ((37, 23), (1, 5), (5, 41)):
        found, seed = set(story(rng, size)), int(rng.integers(1000))
        signature = student.minhash(found, n_hashes, seed)
        what = Bilingual(f"minhash of {size} shingles", f"{size} 个 shingle 的 minhash")
        expect.equal(signature, signature_here(found, n_hashes, seed), what=what)
    what = Bilingual("minhash of no shingles", "没有 shingle 时的 minhash")
    expect.equal(student.minhash(set(), 7), torch.full((7,), P), what=what)
    pool = story(rng, 300)
    for common in (30, 100, 170):
        a, b = set(pool[: 150 + common // 2]), set(pool[150 - common // 2 :])
        truth = jaccard_here(a, b)
        equal = student.minhash(a, 499, seed=common) == student.minhash(b, 499, seed=common)
        error = abs(equal.double().mean().item() - truth)
        expect.that(
            error < 5 * (truth * (1 - truth) / 499) ** 0.5,
            Bilingual(
                "the share of equal entries is no estimate of the similarity", "相等的项所占的比例不能作为相似度的估计"
            ),
        )


@pytest.mark.problem(
    "clean-dedup",
    points=1,
    rests_on=[
        "The pairs i < j whose signatures agree in all columns of at least one band. In ascending order, each pair "
        "once.",
        "the number of bands of consecutive columns that each signature is cut into.",
        "def candidates(signatures: Tensor, bands: int) -> list[tuple[int, int]]:",
        "ValueError: `bands` does not divide n_hashes.",
    ],
    hint={
        "en": "A pair is a candidate when ALL rows of the SAME band agree. One row is too little, and the first band of one document must not be compared with the "
        "second of another. Each pair once, the smaller index first, in ascending order.",
        "zh": "**同一**段里**所有**行都相同的一对才是候选。只有一行相同不够；也不能拿一篇的第一段去比另一篇的第二段。每对只出现一次，小的下标在前，按升序排列。",
    },
)
def test_candidates_agree_in_a_whole_band(student, rng):
    for bands, rows in ((5, 3), (7, 1), (1, 3), (3, 4)):
        values = torch.from_numpy(rng.integers(0, 3, (23, rows)))  # few values, so that bands are equal across columns
        signatures = torch.cat([values[torch.from_numpy(rng.permutation(23))] for _ in range(bands)], dim=1)
        blocks = signatures.view(23, bands, rows)
        expected = [(i, j) for i, j in itertools.combinations(range(23), 2) if (blocks[i] == blocks[j]).all(1).any()]
        found = student.candidates(signatures, bands)
        expect.that(isinstance(found, list), Bilingual("candidates should be a list", "candidates 应当是列表"))
        what = Bilingual(f"candidates with {bands} bands", f"切成 {bands} 段时的 candidates")
        expect.equal([tuple(pair) for pair in found], expected, what=what)
    what = Bilingual("4 bands of 10 hashes", "把 10 个哈希切成 4 段")
    expect.refused(lambda: student.candidates(torch.zeros(3, 10, dtype=torch.int64), 4), what)


def kept_here(docs: list[str], threshold: float, size: int) -> list[int]:
    """Brute force: all pairs, exact similarity, labels spread until nothing changes."""
    sets = [shingles_here(text, size) for text in docs]
    pairs = [
        (i, j) for i, j in itertools.combinations(range(len(docs)), 2) if jaccard_here(sets[i], sets[j]) >= threshold
    ]
    label = list(range(len(docs)))
    for _ in docs:
        for i, j in pairs:
            label[i] = label[j] = min(label[i], label[j])
    return [index for index, cluster in enumerate(label) if cluster == index]


@pytest.mark.problem(
    "clean-dedup",
    points=2,
    rests_on=[
        "The indices of the documents to keep, in ascending order: the first of each cluster.",
        "Near-duplicates are the pairs that `candidates` finds on the `minhash` signatures and whose shingles of "
        "`size` units have an exact Jaccard similarity of at least `threshold`. Clusters are the connected "
        "components. Without documents the list is empty.",
        "n_hashes: int = 128, bands: int = 32, seed: int = 0, size: int = 5",
        "1 for two empty sets.",
    ],
    hint={
        "en": "Planted near-duplicates are kept, or documents that are only similar are dropped. Are candidates verified by the exact similarity? Is the FIRST of a cluster "
        "kept, and only that? What about A ~ B and B ~ C where A and C are less similar?",
        "zh": "安排好的近似重复被保留了，或者只是有些相似的文档被删掉了。候选对用精确相似度核实过吗？每个簇是不是保留了**第一篇**，而且只保留这一篇？A ~ B、B ~ C，但 A 与 C 不那么像时怎么办？",
    },
)
def test_minhash_dedup_finds_planted_near_duplicates(student, rng):
    for threshold, size, options in ((0.7, 5, {}), (0.5, 3, {"n_hashes": 96, "bands": 32, "seed": 5, "size": 3})):
        docs = []
        for _ in range(4):
            base = story(rng, 120)
            near = [changed(rng, base, count) for count in (1, 2)]
            chain = changed(rng, near[1], 3 if size == 5 else 7)  # near to that one; from the base it has come far
            similar = [changed(rng, base, count) for count in (6, 10)] if size == 5 else [story(rng, 70) + base[:50]]
            docs += [" ".join(units) for units in (base, *near, chain, *similar)]
        docs += [han(rng, 3), word(rng), "", " "]
        docs = [docs[index] for index in rng.permutation(len(docs))]
        path = [story(rng, 120)]
        for slots in ((8, 16, 24), (48, 56, 64), (88, 96, 104)):
            path.append([story(rng, 1)[0] if place in slots else unit for place, unit in enumerate(path[-1])])
        docs += [" ".join(path[place]) for place in (0, 3, 1, 2)]  # the last pair joins two clusters
        expected = kept_here(docs, threshold, size)
        expect.equal([*student.minhash_dedup(docs, threshold, **options)], expected, what="minhash_dedup")
    start, ends = story(rng, 14), [story(rng, 2) for _ in range(2)]  # 12 of 16 shingles are common
    docs = [" ".join(units) for units in (start + ends[0], story(rng, 16), start + ends[1])]
    kept = [*student.minhash_dedup(docs, 0.75, n_hashes=96, bands=32, size=3)]
    what = Bilingual(
        "minhash_dedup of two documents whose similarity is the threshold",
        "两篇文档的相似度正好等于阈值时的 minhash_dedup",
    )
    expect.equal(kept, [0, 1], what=what)
    what = Bilingual("minhash_dedup of no documents", "一篇文档也没有时的 minhash_dedup")
    expect.equal([*student.minhash_dedup([], 0.7)], [], what=what)


@pytest.mark.problem(
    "clean-dedup",
    points=1,
    rests_on=[
        "The indices of the training documents to keep, in ascending order. Kept are those that share no run of "
        "`size` units with any held-out document.",
        "As in `shingles`, a document of fewer than `size` units is one run.",
        "A training document without units is kept.",
        "The words of a text in lower case; each Chinese character is a word of its own.",
        "held_out: list[str], size: int = 13",
    ],
    hint={
        "en": "A training document that shares `size` consecutive units with the evaluation set must go, even if all else in it differs; one that shares fewer stays. The "
        "indices are those of the training documents to KEEP.",
        "zh": "训练文档只要与评测集有连续 `size` 个单位相同，就必须拿掉，哪怕其余内容完全不同；相同的不够长，则保留。返回的是要**保留**的训练文档的下标。",
    },
)
def test_decontaminate_takes_out_shared_runs(student, rng):
    held_out = [story(rng, 50) for _ in range(5)]
    train, kept = [], []
    for number in range(17):
        length = [0, 12, 13, 30][number % 4]  # of the run that is shared
        source = held_out[int(rng.integers(5))]
        start = int(rng.integers(len(source) - length))
        text = " ".join(story(rng, 20) + source[start : start + length] + story(rng, 0 if number % 8 == 2 else 9))
        train.append(text.upper() if number % 3 else text)
        kept += [number] if length < 13 else []
    evaluation = [", ".join(units) for units in held_out]
    expect.equal([*student.decontaminate(train, evaluation)], kept, what="decontaminate")
    none = [*student.decontaminate([*train, "", " ".join(held_out[0][:6])], [*evaluation, " ".join(held_out[0][:6])])]
    what = Bilingual("decontaminate with a short document on both sides", "两边都有短文档时的 decontaminate")
    expect.equal(none, [*kept, len(train)], what=what)


# --- 2. pack-mix ------------------------------------------------------------------------------------------------------


def documents(rng: Rng, count: int, longest: int = 23) -> list[list[int]]:
    """Documents of 1 to `longest` tokens, ids from 3 up; the EOS of the tests is 2."""
    return [rng.integers(3, 500, rng.integers(1, longest + 1)).tolist() for _ in range(count)]


@pytest.mark.problem(
    "pack-mix",
    points=2,
    rests_on=[
        "All documents in one stream, each followed by eos_id, cut into rows of seq_len tokens.",
        "ids: (N, seq_len) int64; the end of the last row is filled up with eos_id.",
        "document: (N, seq_len) int64; for each token the index in `docs` of its document, for an EOS that of the "
        "document it ends, -1 where filled up.",
        "A document without tokens leaves no trace, not even an EOS; the indices of the others stay. N is as small "
        "as possible, and may be 0.",
    ],
    hint={
        "en": "Read row after row, the ids should be all documents in order, each followed by ONE end of sequence, and nothing lost at a row's end; the last row is "
        "filled up. Does each token (its EOS, too) carry the index of its document, and the filling -1?",
        "zh": "一行接一行读下来，ids 应该是所有文档按顺序排列，每篇后面跟**一个** EOS，行尾一个 token 也不丢；最后一行用填充补齐。每个 token（包括 EOS）都带着自己文档的下标、填充为 -1 吗？",
    },
)
def test_pack_loses_and_repeats_no_token(student, rng):
    for count, seq_len in ((11, 7), (1, 29), (30, 13)):
        docs = documents(rng, count)
        docs[count // 2 : count // 2] = [[], [5]]
        ids, document = student.pack(docs, seq_len, 2)
        stream = [(token, index) for index, tokens in enumerate(docs) if tokens for token in [*tokens, 2]]
        rows = -(-len(stream) // seq_len)
        stream += [(2, -1)] * (rows * seq_len - len(stream))
        expected = torch.tensor(stream).view(rows, seq_len, 2)
        expect.equal(ids, expected[..., 0].contiguous(), what=Bilingual("the ids of pack", "pack 给出的 ids"))
        what = Bilingual("the document indices of pack", "pack 给出的文档下标")
        expect.equal(document, expected[..., 1].contiguous(), what=what)
    ids, document = student.pack([[7, 8, 9], [5, 6]], 7, 2)  # fits to the last token
    what = Bilingual("the ids of a row that is just full", "正好装满的一行的 ids")
    expect.equal(ids, torch.tensor([[7, 8, 9, 2, 5, 6, 2]]), what=what)
    nothing = torch.zeros(0, 7, dtype=torch.int64)
    what = Bilingual("what pack gives where there is nothing to pack", "没有东西可打包时 pack 给出的结果")
    for found in student.pack([[], []], 7, 2):
        expect.equal(found, nothing, what=what)


def packed_documents(rng: Rng) -> torch.Tensor:
    """(5, 17): document indices as rows of a pack, padding at the end."""
    lengths = rng.integers(1, 9, 40)
    stream = np.repeat(np.arange(40), lengths)[: 5 * 17 - 6]
    return torch.from_numpy(np.append(stream, np.full(5 * 17 - len(stream), -1))).view(5, 17)


@pytest.mark.problem(
    "pack-mix",
    points=1,
    rests_on=[
        "Which tokens of its row each token may attend to: itself and those before it in its document.",
        "(N, T, T) bool: [n, t, s] is True where token t may see token s. Padding counts as a document: it sees the "
        "padding before it.",
    ],
    hint={
        "en": "A token may see itself and what comes before it in the same row AND the same document; True means that it may.",
        "zh": "一个 token 能看到自己，以及同一行、**同一**文档里在它前面的 token；True 表示可以看。",
    },
)
def test_packed_mask_is_causal_within_a_document(student, rng):
    document = packed_documents(rng)
    expected = torch.zeros(5, 17, 17, dtype=torch.bool)
    for n, t, s in np.ndindex(5, 17, 17):
        expected[n, t, s] = bool(s <= t and document[n, t] == document[n, s])
    expect.equal(student.packed_mask(document), expected, what="packed_mask")


@pytest.mark.problem(
    "pack-mix",
    points=1,
    rests_on=[
        "The position of each token in its document, as far as its row shows it.",
        "(N, T) int64: 0 where a row or a document begins, then 1, 2, ... A document that a row's end cuts in two "
        "begins at 0 again in the next row. Padding counts as a document: its positions begin at 0, too.",
    ],
    hint={
        "en": "Positions count from 0 within each document, and from 0 again where a document goes on in the next row.",
        "zh": "位置在每篇文档内从 0 数起；文档在下一行继续时，也重新从 0 数起。",
    },
)
def test_packed_positions_begin_again(student, rng):
    document = packed_documents(rng)
    expected = [[i for _, run in itertools.groupby(row) for i, _ in enumerate(run)] for row in document.tolist()]
    expect.equal(student.packed_positions(document), torch.tensor(expected), what="packed_positions")


@pytest.mark.problem(
    "pack-mix",
    points=2,
    rests_on=[
        r"While $D + B < n$: if $D < \text{ratio}\cdot(D + B + 1)$, take the next document of `domain`, else of "
        r"`base`.",
        "Documents of two corpora, until they have together at least n tokens. `ratio` of the tokens are from "
        "`domain`, by the rule of section 8. The document that reaches n tokens is the last.",
        "empty documents are passed over.",
        "with 0 nothing comes from `domain`, with 1 nothing from `base`.",
        "ValueError: `ratio` is not in 0 ... 1, or a corpus that is needed has no tokens.",
    ],
    hint={
        "en": "The shares of the mixture are not right in TOKENS. Here the documents of one corpus are several times as long as the other's. `ratio` is the share of `domain`; at every "
        "moment it is right to within one document, and the mixture ends with the document that reaches n.",
        "zh": "混合的占比按 **token** 计不对。这里一个语料的文档比另一个长几倍。`ratio` 是 `domain` 的占比；任何时刻的误差都不超过一篇文档；达到 n 个 token 的那一篇就是最后一篇。",
    },
)
def test_mix_keeps_the_share_of_tokens(student, rng):
    # All documents of a corpus are the same here, so that the mixture does not depend on the shuffle.
    for ratio in (0.3, 0.75, 0.5):
        mixture = student.mix([[3] * 5] * 4, [[4] * int(rng.integers(17, 30))] * 3, ratio, 700, seed=1)
        replay(mixture, ratio, 700)
    base = [[int(t) for t in rng.integers(10, 20, rng.integers(1, 9))] for _ in range(40)]
    domain = [[int(t) for t in rng.integers(20, 30, rng.integers(1, 60))] for _ in range(25)]
    base.insert(5, [])
    for ratio, one, other in ((0.25, base, domain), (0.0, base, []), (1.0, [[]], domain)):
        mixture = student.mix(one, other, ratio, 900, seed=2)
        replay([[4 if t >= 20 else 3 for t in tokens] for tokens in mixture], ratio, 900)
    without_domain = Bilingual("a domain without tokens", "domain 里没有 token 时")
    without_base = Bilingual("a base without tokens", "base 里没有 token 时")
    expect.refused(lambda: student.mix(base, domain, 1.5, 10), "ratio=1.5")
    expect.refused(lambda: student.mix(base, [[]], 0.5, 10), without_domain)
    expect.refused(lambda: student.mix([], domain, 0.5, 10), without_base)


def replay(mixture: list[list[int]], ratio: float, n: int) -> None:
    """Each document (3s: base, 4s: domain) must be the one that the rule wants next, and the last must reach n."""
    taken = {3: 0, 4: 0}
    for tokens in mixture:
        total = taken[3] + taken[4]
        expect.that(total < n, Bilingual("the mixture goes on after n tokens", "混合结果达到 n 个 token 之后还在继续"))
        expect.that(bool(tokens), Bilingual("the mixture has an empty document", "混合结果里有空文档"))
        wanted = 4 if taken[4] < ratio * (total + 1) else 3
        expect.equal(tokens[0], wanted, what=Bilingual("the corpus of the next document", "下一篇文档所属的语料"))
        taken[tokens[0]] += len(tokens)
    expect.that(taken[3] + taken[4] >= n, Bilingual("the mixture has fewer than n tokens", "混合结果不足 n 个 token"))


COMES_TOO_SOON = Bilingual(
    "a document comes again before all of its corpus have come", "一个语料的文档还没有全部出现，就有文档第二次出现"
)
OLD_ORDER = Bilingual("the documents of a corpus come in their old order", "一个语料的文档按原来的次序出现")
SAME_EPOCHS = Bilingual("the second epoch has the order of the first", "第二个 epoch 的次序与第一个相同")


@pytest.mark.problem(
    "pack-mix",
    points=2,
    rests_on=[
        "Each corpus is read in a shuffled order (seeded), and **all** its documents come once before any comes "
        "again; then it is shuffled anew.",
        "The same seed gives the same mixture, another seed another order.",
    ],
    hint={
        "en": "All documents of a corpus come once, in a shuffled order, before any comes again; then they are shuffled anew. The seed decides the order: the same seed, the same mixture.",
        "zh": "一个语料的所有文档按打乱的次序各出现一次之后，才会有文档再次出现，届时重新打乱。次序由种子决定：种子相同，混合的结果就相同。",
    },
)
def test_mix_reads_each_corpus_in_epochs(student, rng):
    base, domain = [[100 + i] * 3 for i in range(13)], [[200 + i] * 7 for i in range(11)]
    mixture = student.mix(base, domain, 0.5, 420, seed=8)

    for low, count in ((100, 13), (200, 11)):
        order = [tokens[0] for tokens in mixture if low <= tokens[0] < low + 100]
        epochs = [order[start : start + count] for start in range(0, len(order), count)]
        for epoch in epochs:
            expect.that(len(set(epoch)) == len(epoch), COMES_TOO_SOON)
        expect.that(epochs[0] != sorted(epochs[0]), OLD_ORDER)
        expect.that(epochs[1][: len(epochs[0])] != epochs[0], SAME_EPOCHS)
    what = Bilingual("the mixture with the same seed again", "种子相同时再次混合的结果")
    expect.equal(student.mix(base, domain, 0.5, 420, seed=8), mixture, what=what)
    what = Bilingual("another seed should give another order", "换一个种子，次序应当不同")
    expect.that(student.mix(base, domain, 0.5, 420, seed=9) != mixture, what)
