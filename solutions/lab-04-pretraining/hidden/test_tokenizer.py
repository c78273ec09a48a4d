"""Hidden tests of lab 04, tokenizer. The references are a naive trainer that counts everything anew for each merge, on strings in
which a character stands for a token, and merges with `str.replace`; Hugging Face's tokenizers (pre-tokens, trainer, BPE model);
and tiktoken. None comes from the solution. All comparisons are exact: these are integers and bytes.

Two tests measure cost, by times of the student's own that are taken in turns here; what was measured stands beside them.
"""

import json
import math
import re
import string
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tiktoken
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from autograder.grading import expect
from autograder.grading.student import Student
from labkit.i18n import Bilingual

Rng = np.random.Generator
Merges = list[tuple[bytes, bytes]]
Call = Callable[[], Any]

PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Hugging Face writes a byte as a printable character: itself where it is printable, else the next from U+0100 on.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
BYTE = {chr(byte): byte for byte in PRINTABLE} | {chr(256 + i): byte for i, byte in enumerate(OTHERS)}


# By how many plain counts of their pairs (made here, at the same time) words without the merged pairs may slow a merge down.
# It is a difference of slopes: what a trainer does once, such as to start processes, cancels out. Measured on two cores with a
# load of 2 to 7: an index -0.3 to 0.1, with a heap, with min or max over a dictionary, or by Hugging Face; a rescan of lists,
# of strings, of tuples of ids or of bytes 1.4 to 5; by a pool of processes 2 to 5.
TRAINING_LIMIT = 0.5
TRAINING_ROUNDS = 2  # at most
# How many times longer encoding may take with many merges than with few.
# Measured with one to ten processes for each core:
# a dictionary of ranks takes 0.6 to 2.4 times as long with 2,060 merges as with 60, a walk through the list 40 or more.
ENCODING_LIMIT = 8.0


# --- texts ----------------------------------------------------------------------------------------------------------

ONSETS, VOWELS, CODAS = ["b", "d", "gr", "k", "l", "m", "pl", "s", "t", ""], list("aeiou"), ["", "n", "r", "st", "ll"]
SYMBOLS = ["🙂", "👩‍🔬", "…", "()", "==", "{", "}", "\\n", "€", "é", "ß", "🇨🇭"]
SPACES = [" ", " ", " ", " ", "\n", "  ", "\n    ", "\t"]
TAILS = ["", "", "", "'s", "'ll", ",", ".", "?!"]
REPEAT = re.compile(rb"(.)\1\1|(..+)\2", re.DOTALL)
# Words with their counts, and how many merges are asked for: what overlaps or stands side by side decides, no tie does.
OVERLAPPING = [({"aaaa": 3, "cd": 7}, 3), ({"aaaaaaa": 2, "cd": 5}, 3)]
SIDE_BY_SIDE = [
    ({"abab": 5, "cd": 4}, 3),
    ({"ababab": 4, "cd": 6}, 4),
    ({"cababd": 5, "cab": 2, "abd": 1, "ab": 3, "ef": 4}, 5),
]
COMMON, RARE = "ABCDEFGH", string.ascii_lowercase + "IJKLMNOPQRSTUV"


def pick(rng: Rng, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def a_word(rng: Rng) -> str:
    """Of a language that does not exist; sometimes Chinese, a number, a symbol, or a piece of code."""
    kind = rng.random()
    if kind < 0.6:
        syllables = (pick(rng, ONSETS) + pick(rng, VOWELS) + pick(rng, CODAS) for _ in range(int(rng.integers(1, 4))))
        word = "".join(syllables)
        return word.capitalize() if rng.random() < 0.2 else word
    if kind < 0.8:
        return "".join(chr(int(c)) for c in rng.integers(0x4E00, 0x9000, int(rng.integers(1, 4))))
    if kind < 0.9:
        return str(int(rng.integers(10**6)))
    return pick(rng, SYMBOLS)


def a_text(rng: Rng, n_words: int, n_different: int = 60) -> str:
    """Words as often as in a language."""
    return written(rng, [a_word(rng) for _ in range(n_different)], n_words, SPACES)


def a_plain_text(rng: Rng, n_words: int, n_different: int = 60) -> str:
    """The same of words in which no pair overlaps itself or stands twice side by side: that has a test of its own."""
    lexicon: list[str] = []
    while len(lexicon) < n_different:
        word = a_word(rng)
        if not any(REPEAT.search(f" {word}{tail}".encode()) for tail in TAILS):
            lexicon.append(word)
    return written(rng, lexicon, n_words, [" ", " ", "\n"])


def written(rng: Rng, lexicon: Sequence[str], n_words: int, spaces: Sequence[str]) -> str:
    """A text of n_words; the k-th word of the lexicon is as frequent as 1 / k."""
    weights = 1 / np.arange(1, len(lexicon) + 1)
    chosen = rng.choice(len(lexicon), n_words, p=weights / weights.sum())
    return "".join(lexicon[int(i)] + pick(rng, TAILS) + pick(rng, spaces) for i in chosen)


def different_letters(rng: Rng, n: int) -> str:
    """One word, each of whose pairs occurs once."""
    return "".join(chr(ord("a") + int(i)) for i in rng.permutation(26)[:n])


def letters(rng: Rng, n: int) -> str:
    """n rare letters."""
    return "".join(RARE[int(i)] for i in rng.integers(0, len(RARE), n))


def in_any_order(rng: Rng, words: Sequence[str]) -> str:
    """A text of these words in which no space belongs to a word."""
    return "\n".join(words[int(i)] for i in rng.permutation(len(words)))


def words_to_time(rng: Rng, n_merges: int) -> tuple[list[str], list[str]]:
    """Words with n_merges common pairs, no two of them equally frequent; and words that have none of these.

    The first have every pair of the second, so that a search through all different pairs takes as long with both.
    """
    pairs = [a + b for a in COMMON for b in COMMON if a != b]
    endings = [a + b for a in RARE for b in RARE]
    words = ["".join(endings)]
    for i, k in enumerate(sorted(int(k) for k in rng.permutation(len(pairs))[:n_merges])):
        words += [pairs[k]] * (n_merges - i)
        words += [pairs[k] + endings[int(j)] for j in rng.permutation(len(endings))[:40]]
    return words, [letters(rng, 8) for _ in range(2500)]


def beginnings(word: str) -> list[str]:
    """The beginnings of a word: no two pairs are equally frequent, at any stage; the last stands there once."""
    return [word[:n] for n in range(2, len(word) + 1)]


def in_other_letters(rng: Rng, words: Mapping[str, int]) -> dict[str, int]:
    table = str.maketrans("abcdef", different_letters(rng, 6))
    return {word.translate(table): n for word, n in words.items()}


def words_with_counts(rng: Rng) -> dict[bytes, int]:
    """For each power of four a word of three bytes and its beginning: no two pairs are equally frequent, at any stage."""
    order = [int(i) for i in rng.permutation(256)]
    triples = [bytes(order[3 * k : 3 * k + 3]) for k in range(10)]
    return {word: 2 * 4**k for k, word in enumerate(triples)} | {word[:2]: 4**k for k, word in enumerate(triples)}


def any_characters(rng: Rng, n: int) -> str:
    """Any code points but surrogates, and many that are awkward."""
    awkward = [
        "\0",
        "\r\n",
        "\u00a0",
        "\u0301",
        "\u200d",
        "\ufeff",
        "\ufffd",
        "\U0010ffff",
        "'",
        " ",
        "\x7f",
        "<|",
        "|>",
    ]
    points = [int(c) for c in rng.integers(0, 0x110000, n)]
    return "".join(pick(rng, awkward) if 0xD800 <= c < 0xE000 or c % 3 == 0 else chr(c) for c in points)


# --- references -----------------------------------------------------------------------------------------------------


def words_here(text: str) -> list[bytes]:
    """The pre-tokens, by Hugging Face's own GPT-2 expression."""
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return [bytes(BYTE[character] for character in piece) for piece, _ in cut.pre_tokenize_str(text)]


def pairs_here(counted: Iterable[tuple[str, int]]) -> Counter[str]:
    """How often each pair of characters occurs in words that occur so often."""
    counts: Counter[str] = Counter()
    for word, n in counted:
        for left, right in pairwise(word):
            counts[left + right] += n
    return counts


def merges_here(words: Mapping[bytes, int], n_merges: int) -> Merges:
    """By counting all pairs anew for each merge. A word is a string here, whose characters are the ids of its tokens."""
    counted = [("".join(map(chr, word)), n) for word, n in words.items()]
    tokens = [bytes([byte]) for byte in range(256)]
    merges: Merges = []
    while len(merges) < n_merges:
        if not (counts := pairs_here(counted)):
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append((tokens[ord(pair[0])], tokens[ord(pair[1])]))
        counted = [(word.replace(pair, chr(len(tokens))), n) for word, n in counted]
        tokens.append(b"".join(merges[-1]))
    return merges


def huggingface_merges(words: Iterable[bytes], n_merges: int) -> Merges:
    """By Hugging Face's trainer, on words in which a byte is the character of U+0100 to U+01FF that keeps its place."""
    alphabet = [chr(256 + byte) for byte in range(256)]
    library = tokenizers.Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=256 + n_merges, initial_alphabet=alphabet, show_progress=False)
    library.train_from_iterator(("".join(alphabet[byte] for byte in word) for word in words), trainer)
    pairs = json.loads(library.to_str())["model"]["merges"]
    return [(bytes(ord(c) - 256 for c in left), bytes(ord(c) - 256 for c in right)) for left, right in pairs]


def vocab_here(merges: Merges, special_tokens: Sequence[str] = ()) -> dict[int, bytes]:
    """The bytes, the merges, the special tokens."""
    tokens = [*(bytes([byte]) for byte in range(256)), *(left + right for left, right in merges)]
    return dict(enumerate([*tokens, *(token.encode() for token in special_tokens)]))


def ids_here(word: bytes, vocab: Mapping[int, bytes], merges: Merges) -> list[int]:
    """Every merge in turn, over the whole word: what a merge makes is never part of an earlier one."""
    character = {token: chr(0xE000 + i) for i, token in enumerate(vocab.values())}  # a private character each
    ids = {character[token]: i for i, token in vocab.items()}
    text = "".join(character[bytes([byte])] for byte in word)
    for left, right in merges:
        text = text.replace(character[left] + character[right], character[left + right])
    return [ids[c] for c in text]


def tiktoken_here(vocab: Mapping[int, bytes], special_tokens: Mapping[str, int]) -> tiktoken.Encoding:
    """tiktoken with this vocabulary without special tokens, in which an id is a rank, and with these special tokens."""
    ranks = {token: i for i, token in vocab.items()}
    return tiktoken.Encoding("hidden", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=dict(special_tokens))


# --- what the tests share -------------------------------------------------------------------------------------------

TWO_THINGS = Bilingual("train_bpe should return two things: vocab, merges", "train_bpe 应当返回两样东西：vocab、merges")
MERGES = Bilingual("the merges", "各次合并")
NOTHING = Bilingual("the merges where no pair is left", "没有相邻对时的合并")
UNUSUAL = Bilingual("encode(text) with merges in an unusual order", "合并次序不寻常时的 encode(text)")
LIST_OF_INT = Bilingual("encode should return a list of int", "encode 应当返回由 int 组成的列表")
TIED = Bilingual("the merges of a text whose pairs are equally frequent", "相邻对次数都相同的文本的合并")
UNTIL_NOTHING_IS_LEFT = Bilingual("the merges until no pair is left", "直到没有相邻对为止的合并")


def trained(student: Student, text: str, n_merges: int, special_tokens: Sequence[str] = ()) -> tuple[Any, Any]:
    """The student's (vocab, merges) for a vocabulary with room for n_merges."""
    result = student.train_bpe(text, 256 + n_merges + len(special_tokens), [*special_tokens])
    expect.that(isinstance(result, tuple) and len(result) == 2, TWO_THINGS)
    return result


def growth(small: Callable[[], Call], large: Callable[[], Call]) -> float:
    """How many times longer the large case takes than the small one; both make a call ready, and only the call is timed.

    A busy moment of the machine can only slow a call down, so the fastest counts. The number of calls is always the same: diagnosis
    compares reply by reply.
    """
    fastest = {small: math.inf, large: math.inf}
    for prepare in (small, small, large) * 3:
        call = prepare()
        start = time.perf_counter()
        call()
        fastest[prepare] = min(fastest[prepare], time.perf_counter() - start)
    return fastest[large] / fastest[small]


def slower_by_other_words(student: Student, few: str, many: str, rare: Sequence[str], n_merges: int) -> float:
    """By how many counts of the rare words' pairs, made here, a merge is slower in `many`, which has them, than in `few`.

    A busy moment of the machine can only slow a call down, so the fastest counts, and a trainer that is fast enough is not
    asked again. A rescan is asked as often each time: diagnosis compares reply by reply.
    """
    counted = [(word, 1) for word in rare]
    calls: dict[Any, Call] = {
        (text, n): lambda text=text, n=n: trained(student, text, n) for text in (few, many) for n in (1, n_merges)
    }
    calls["count"] = lambda: pairs_here(counted)
    fastest = dict.fromkeys(calls, math.inf)
    slower = math.inf
    for _ in range(TRAINING_ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            fastest[name] = min(fastest[name], time.perf_counter() - start)
        merging = [fastest[text, n_merges] - fastest[text, 1] for text in (few, many)]
        slower = (merging[1] - merging[0]) / (n_merges - 1) / fastest["count"]
        if slower < TRAINING_LIMIT:
            break
    return slower


def tell_diagnosis(student: Student, finding: str) -> None:
    """Puts what was measured *here* among the replies, where diagnosis looks. The verdict does not depend on the echo."""
    student.new("builtins:str", finding)


# --- 1. bpe-naive ---------------------------------------------------------------------------------------------------


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on="The pieces of a text that PATTERN finds, one after the other, each as UTF-8 bytes.",
    hint={
        "en": "The pre-tokens are not those of PATTERN, in UTF-8. Joined, they must give the text again. Check spaces, letters that are "
        "not English, and runs of white space.",
        "zh": "预切分的结果与 PATTERN（UTF-8）不符。各片段连起来必须就是原文：空格、非英文字母、连续的空白都到哪里去了？",
    },
)
def test_pre_tokens_are_those_of_gpt2(student, rng):
    for text in (a_text(rng, 80), "  we've  don'T\n\n  42nd x²  ", ""):
        expect.equal(student.pretokenize(text), words_here(text), what="pretokenize(text)")


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on=[
        "The text cut around its special tokens, which are pieces of their own.",
        "The search goes from left to right. Where several special tokens begin at the same place, the longest counts, "
        "whatever their order in the list. All characters of a special token stand for themselves. The text between them "
        "stays whole; no piece is empty",
    ],
    hint={
        "en": "split_special: special tokens are pieces of their own, the longest where two begin at the same place; the other pieces are whole, and none "
        "is empty. Characters like | and * stand for themselves.",
        "zh": "split_special：特殊 token 单独成段，同一位置有两个时取较长的；其余部分保持完整，没有空段。| 和 * 之类的字符只代表它们自己。",
    },
)
def test_special_tokens_are_cut_out_of_the_text(student, rng):
    specials = ["<|end|>", "<|end|><|end|>", "[*]", "<|e"]
    for n in (5, 4, 1):
        parts = [piece for _ in range(n) for piece in (pick(rng, specials), a_word(rng) + " |end|> * ")]
        text = "".join(parts) + "<|end|>" * 5
        expected = [*parts, "<|end|><|end|>", "<|end|><|end|>", "<|end|>"]
        expect.equal(student.split_special(text, specials), expected, what="split_special(text, special_tokens)")
    expect.equal(student.split_special("a<|end|>", []), ["a<|end|>"], what='split_special("a<|end|>", [])')


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on=[
        "A new list: `ids` with each occurrence of the pair replaced by new_id, from left to right.",
        "An id that has just been merged takes no part in the next merge.",
    ],
    hint={
        "en": "merge_pair goes from left to right: an id that has just been merged cannot take part again, and every occurrence is merged. Try runs of one id, and a pair of equal ids.",
        "zh": "merge_pair 从左到右进行：刚合并掉的不能再参与合并，每一处出现都要合并。试试同一个 id 连成一串、以及相邻对的两个 id 相同的情形。",
    },
)
def test_pairs_merge_from_left_to_right(student, rng):
    for pair, length, tail in (
        ((7, 7), 11, [300, 7, 7, 7]),
        ((7, 5), 17, [7, 5]),
        ((7, 7), 30, [5, 7, 7, 7, 7, 7]),
        ((5, 7), 1, []),
        ((7, 7), 0, []),
    ):
        ids = [*(int(i) for i in rng.choice([5, 7, 7, 300], length)), *tail]
        text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(999))
        merged = student.merge_pair(ids, pair, 999)
        same = pair[0] == pair[1]
        what = Bilingual(
            f"merge_pair for a pair of {'equal' if same else 'different'} ids",
            f"相邻对的两个 id {'相同' if same else '不同'}时的 merge_pair",
        )
        expect.equal(merged, [ord(c) for c in text], what)


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on=[
        "The merges by the four rules of section 3: for each, all pairs of all words are counted anew.",
        "A pair counts as often as the words that contain it, at every position.",
        "**Merge** everywhere, in each pre-token **from left to right**: `aaa` becomes (aa, a).",
        "A list with the two tokens of each merge, as bytes, in the order in which they were made.",
    ],
    hint={
        "en": "The merges of the naive trainer are not those of a full count. A pair counts at every position of a word, also where two places overlap, and as often as the text has the word. "
        "Merge in all words, then count anew, with the new token.",
        "zh": "朴素训练器的合并与重新计数的结果不同。词里每个位置都要计数，重叠的也算；一个词在文本里出现几次就算几次。在所有词里合并之后，带着新 token 重新计数。",
    },
)
def test_the_naive_trainer_counts_anew_for_each_merge(student, rng):
    examples = [(in_other_letters(rng, words), n) for words, n in OVERLAPPING + SIDE_BY_SIDE]
    cases = [({word.encode(): n for word, n in words.items()}, n_merges) for words, n_merges in examples]
    for words, n_merges in [*cases, (words_with_counts(rng), 15)]:
        expect.equal(student.train_bpe_naive(words, n_merges), merges_here(words, n_merges), MERGES)


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on=[
        "The merges by the four rules of section 3: for each, all pairs of all words are counted anew.",
        "Of equally frequent pairs, take the one with the **smallest ids**: compare the left ids first, then the right ones.",
    ],
    hint={
        "en": "Of equally frequent pairs, the naive trainer should take the one with the smallest ids: compare (left id, right id), for example with `min` and the key (-count, pair). "
        "The id of a byte is its value; a merged token comes later.",
        "zh": "次数相同时，朴素训练器应当取 id 最小的相邻对：比较 (左 id, 右 id)，比如用 `min`，以 (-次数, 相邻对) 为 key。字节的 id 就是它的值，合并出来的 token 排在后面。",
    },
)
def test_the_naive_trainer_breaks_ties_by_the_smallest_ids(student, rng):
    for _ in range(4):
        words = {different_letters(rng, 12).encode(): 3}
        expect.equal(student.train_bpe_naive(words, 10), merges_here(words, 10), TIED)


@pytest.mark.problem(
    "bpe-naive",
    points=1,
    rests_on=[
        "n_merges: at most this many merges; there are fewer where no pair is left. No words, or only words of one byte, "
        "give no merges.",
        "So a pair that occurs only once is merged, too.",
    ],
    hint={
        "en": "The naive trainer should merge until every word is one token, also pairs that occur once, and then stop: no error, and no further entry in the list. No words give an empty list.",
        "zh": "朴素训练器应当一直合并到每个词都成了一个 token，只出现一次的相邻对也要合并，然后停下：不报错，列表里也不再添任何东西。没有词时返回空列表。",
    },
)
def test_the_naive_trainer_stops_where_no_pair_is_left(student, rng):
    for length in (6, 9):
        words = {word.encode(): 1 for word in beginnings(different_letters(rng, length))}
        expect.equal(student.train_bpe_naive(words, 30), merges_here(words, 30), UNTIL_NOTHING_IS_LEFT)
    for words in ({}, {b"x": 3, b"y": 2}):
        expect.equal(student.train_bpe_naive(words, 5), [], NOTHING)


# --- 2. bpe-train ---------------------------------------------------------------------------------------------------


@pytest.mark.problem(
    "bpe-train",
    points=1,
    rests_on=[
        "Trains byte-level BPE by the four rules of section 3.",
        "text: cut at its special tokens first, then by `pretokenize`. No pair crosses a cut",
        "how often the pair occurs in the text: a word counts as often as the text has it",
        "merges: a list with the two tokens of each merge, in the order in which they were made.",
    ],
    hint={
        "en": "The merges are not those of counting all pairs anew each time. A word counts as often as the text has it; merges stay within pre-tokens; after a merge the counts of all "
        "pairs around it change, some down, some up.",
        "zh": "得到的合并与“每次都从头统计所有相邻对”的结果不同。一个词在文本里出现几次就算几次；合并不出片段；每次合并之后，周围所有相邻对的计数都会变，有减有增。",
    },
)
def test_merges_are_those_of_a_full_count(student, rng):
    text = a_plain_text(rng, 400)
    _, merges = trained(student, text, 90)
    expect.equal(merges, merges_here(Counter(words_here(text)), 90), MERGES)
    text = a_plain_text(rng, 3000, n_different=500)
    _, merges = trained(student, text, 600)
    expect.equal(
        merges,
        huggingface_merges(words_here(text), 600),
        Bilingual("600 merges of a longer text", "较长文本的 600 次合并"),
    )


@pytest.mark.problem(
    "bpe-train",
    points=1,
    rests_on=[
        "Trains byte-level BPE by the four rules of section 3.",
        "Count the pairs of neighbours within the pre-tokens, at *every* position: `aaa` has the pair (a, a) twice.",
        "**Merge** everywhere, in each pre-token **from left to right**: `aaa` becomes (aa, a).",
    ],
    hint={
        "en": "The merges go wrong where a pair overlaps itself or stands twice side by side. `aaa` has (a, a) twice; where `abab` becomes two new tokens, these two are neighbours: a new pair. "
        "Safe: subtract all pairs of the old word, then add all pairs of the new one.",
        "zh": "相邻对与自己重叠、或者两处紧挨着时，合并出了错。`aaa` 里 (a, a) 出现两次；`abab` 变成两个新 token，这两个新 token 也成了一个新的相邻对。"
        "稳妥的做法：减去旧词的全部相邻对，再加上新词的全部相邻对。",
    },
)
def test_places_that_overlap_or_touch(student, rng):
    for words, n_merges in OVERLAPPING + SIDE_BY_SIDE:
        spelled = in_other_letters(rng, words)
        text = in_any_order(rng, [word for word, n in spelled.items() for _ in range(n)])
        _, merges = trained(student, text, n_merges)
        expected = merges_here({word.encode(): n for word, n in spelled.items()}, n_merges)
        expect.equal(merges, expected, Bilingual("the merges of a text with repeats", "有重复片段的文本的合并"))


@pytest.mark.problem(
    "bpe-train",
    points=1,
    rests_on=[
        "Trains byte-level BPE by the four rules of section 3.",
        "Of equally frequent pairs, take the one with the **smallest ids**: compare the left ids first, then the right ones.",
    ],
    hint={
        "en": "Where several pairs are equally frequent, the one with the smallest ids goes first: compare (left id, right id), a byte's id is its value, a merged token's comes later.",
        "zh": "几个相邻对次数相同时，id 最小的先合并：比较 (左 id, 右 id)；字节的 id 就是它的值，合并出来的 token 排在后面。",
    },
)
def test_ties_go_to_the_smallest_ids(student, rng):
    for _ in range(4):
        word = different_letters(rng, 12)
        _, merges = trained(student, f"{word}\n{word}", 10)  # each pair twice; a pair is left after ten merges
        expect.equal(merges, merges_here({word.encode(): 2}, 10), TIED)


@pytest.mark.problem(
    "bpe-train",
    points=1,
    rests_on=[
        "text: cut at its special tokens first, then by `pretokenize`. No pair crosses a cut, and the special tokens themselves "
        "are not counted.",
    ],
    hint={
        "en": "Special tokens cut the training text: their own characters are not counted, and the text before and the text after one never become neighbours.",
        "zh": "特殊 token 把训练文本切断：它们自己的字符不计数，它们前后的内容也不会变成邻居。",
    },
)
def test_special_tokens_cut_the_training_text(student, rng):
    specials = ["<|user|>", "<|end|>"]
    documents = [
        pick(rng, ["zig", "zag", "zog"]) + a_plain_text(rng, 5, 9).strip() + "q" for _ in range(60)
    ]  # without the special tokens "qz" would be the most frequent pair
    text = "".join(document + pick(rng, specials) for document in documents)
    _, merges = trained(student, text, 60, specials)
    expected = merges_here(Counter(word for document in documents for word in words_here(document)), 60)
    expect.equal(merges, expected, Bilingual("the merges of a text with special tokens", "含特殊 token 的文本的合并"))


@pytest.mark.problem(
    "bpe-train",
    points=1,
    rests_on=[
        "at most this many tokens: 256 bytes + merges + special tokens. There are fewer where no pair is left to merge; with "
        "room for bytes and special tokens only, no merges.",
        "those that get an id, whether the text has them or not.",
        "0 to 255 are the bytes, 256 + i comes from the i-th merge, then the special tokens in their order, right after the "
        "last merge that was made.",
        "merges: a list with the two tokens of each merge, in the order in which they were made.",
        "So a pair that occurs only once is merged, too.",
        "ValueError: vocab_size has no room for the bytes and the special tokens.",
    ],
    hint={
        "en": "The ids are those of the 256 bytes, then of the merges in order, then of the special tokens in order. vocab_size counts all of them; there are fewer if pairs run out. Without room for the bytes and the special tokens, raise ValueError.",
        "zh": "id 依次是 256 个字节、各次合并、各个特殊 token；vocab_size 是它们的总数，相邻对用完了才会更少。如果连字节和特殊 token 都放不下，抛出 ValueError。",
    },
)
def test_the_vocabulary_has_the_size_and_the_order_it_should(student, rng):
    specials, word = ["<|two|>", "<|one|>", "<|pad|>"], different_letters(rng, 26)
    for length, n_merges in ((26, 20), (6, 40), (26, 0)):  # six letters are one token after five merges
        words = beginnings(word[:length])
        vocab, merges = trained(student, in_any_order(rng, words), n_merges, specials)
        expected = merges_here({each.encode(): 1 for each in words}, n_merges)
        expect.equal(
            vocab,
            vocab_here(expected, specials),
            Bilingual(f"vocab with room for {n_merges} merges", f"放得下 {n_merges} 次合并时的 vocab"),
        )
        expect.that(
            isinstance(merges, list) and len(merges) == len(expected),
            Bilingual("merges should have an entry for each merge", "merges 里应当每次合并有一项"),
        )
    expect.refused(
        lambda: student.train_bpe(word, 258, specials),
        Bilingual(
            "train_bpe with a vocabulary of 258 and 3 special tokens",
            "词表大小为 258、特殊 token 有 3 个时的 train_bpe",
        ),
    )


@pytest.mark.problem(
    "bpe-train",
    points=2,
    rests_on=[
        "A merge reads only the words that have its pair. Words that have none of the merged pairs may make a merge slower by "
        "at most half of the time that one plain count of their pairs takes.",
        "Trains byte-level BPE by the four rules of section 3.",
    ],
    hint={
        "en": "Words that have none of the merged pairs make each of your merges slower: it goes through all words. A merge changes only the words that have its pair: keep an index of these words.",
        "zh": "不含要合并的相邻对的词，也让你的每次合并变慢了：每次合并都把所有词过了一遍。一次合并只涉及含有那个相邻对的词：给它们建一个索引。",
    },
)
def test_the_time_of_training_hardly_grows_with_merges(student, rng):
    n_merges = 32
    common, rare = words_to_time(rng, n_merges)
    few, many = in_any_order(rng, common), in_any_order(rng, common + rare)
    _, merges = trained(student, many, n_merges)
    expect.equal(
        merges, huggingface_merges(words_here(many), n_merges), Bilingual("the merges of a long text", "长文本的合并")
    )
    slower = slower_by_other_words(student, few, many, rare, n_merges)
    tell_diagnosis(student, "an index" if slower < TRAINING_LIMIT else "a rescan for each merge")
    expect.that(
        slower < TRAINING_LIMIT,
        Bilingual("words without the merged pairs slow each merge down", "不含要合并的相邻对的词拖慢了每次合并"),
    )


# --- 3. bpe-encode --------------------------------------------------------------------------------------------------


def a_tokenizer(rng: Rng, n_merges: int = 300) -> tuple[dict[int, bytes], Merges]:
    """A vocabulary trained here, by Hugging Face's trainer, on a text that the grammar of this file makes."""
    merges = huggingface_merges(words_here(a_text(rng, 1500, n_different=150)), n_merges)
    return vocab_here(merges), merges


@pytest.mark.problem(
    "bpe-encode",
    points=3,
    rests_on=[
        "The ids of a text, a list of int; an empty text has none.",
        "Each special token becomes one id, the one that vocab gives it. The text around it is cut by `pretokenize`; in each piece the merges apply by rank. Nothing is added or removed.",
    ],
    hint={
        "en": "The ids differ from tiktoken's with the same vocabulary. Does encode cut the text into pre-tokens, begin with bytes, and merge the pair of the lowest rank first? Is anything added to the text?",
        "zh": "用同样的词表，得到的 id 与 tiktoken 不同。encode 是否先预切分、从字节开始、每次先合并次序最靠前的相邻对？有没有往文本里添加什么？",
    },
)
def test_ids_agree_with_tiktoken(student, rng):
    vocab, merges = a_tokenizer(rng)
    library = tiktoken_here(vocab, {})
    tokenizer = student.Tokenizer(vocab, merges, [])
    # Most words are cut alike by a wrong rule: so there are many different ones.
    for text in (a_text(rng, 800, n_different=600), a_text(rng, 60, n_different=9), any_characters(rng, 40), ""):
        expect.equal(tokenizer.encode(text), library.encode(text), what="encode(text)")


@pytest.mark.problem(
    "bpe-encode",
    points=2,
    rests_on=[
        "vocab: id -> bytes. The ids are in any order and may have gaps.",
        "pairs of tokens; the place in the list is the rank.",
        "Of all pairs of neighbours take the one with the lowest rank, merge it wherever it stands, and repeat until no pair is in the list.",
    ],
    hint={
        "en": "With merges in an unusual order, and ids in any order, the ids are wrong. The lowest rank goes first: not the longest token, not the leftmost pair, and not the smallest id. "
        "The id of a token is the one that vocab has for it, for bytes, too.",
        "zh": "合并的次序不寻常、id 的次序任意时，结果不对。次序最靠前的先合并：不是最长的 token，不是最左边的相邻对，也不是 id 最小的。token 的 id 以 vocab 为准，字节也一样。",
    },
)
def test_merges_apply_in_the_order_of_their_ranks(student, rng):
    letters = [bytes([byte]) for byte in b"abcd"]
    for _ in range(3):
        tokens, merges = [*letters], []
        while len(merges) < 25:
            left, right = (tokens[int(i)] for i in rng.integers(0, len(tokens), 2))
            if len(left + right) <= 5 and left + right not in tokens:
                merges.append((left, right))
                tokens.append(left + right)
        everything = [*(bytes([byte]) for byte in range(256)), *tokens[4:]]
        ids = rng.permutation(len(everything)) + 11
        vocab = {int(i): token for i, token in zip(ids, everything, strict=True)}
        words = ["".join(pick(rng, "abcd") for _ in range(int(rng.integers(2, 15)))) for _ in range(30)]
        expected = [i for n, word in enumerate(words) for i in ids_here((" " * (n > 0) + word).encode(), vocab, merges)]
        result = student.Tokenizer(vocab, merges, []).encode(" ".join(words))
        expect.equal(result, expected, UNUSUAL)


@pytest.mark.problem(
    "bpe-encode",
    points=2,
    rests_on=[
        "decode(encode(text)) is the text.",
        "The ids of a text, a list of int; an empty text has none.",
        "The text of any ids of the vocabulary, special tokens included",
    ],
    hint={
        "en": "decode(encode(text)) should be the text to the last character: white space at both ends, control characters, rare scripts, and special tokens.",
        "zh": "decode(encode(text)) 应当与原文一字不差：首尾的空白、控制字符、少见的文字、特殊 token，一个都不能变。",
    },
)
def test_every_text_comes_back(student, rng):
    vocab, merges = a_tokenizer(rng, 100)
    vocab[len(vocab)] = b"<|end|>"
    tokenizer = student.Tokenizer(vocab, merges, ["<|end|>"])
    for text in (
        " " + a_text(rng, 30),
        any_characters(rng, 60),
        a_text(rng, 9) + "<|end|>  " + any_characters(rng, 9) + " \n",
    ):
        ids = tokenizer.encode(text)
        expect.that(isinstance(ids, list) and all(type(i) is int for i in ids), LIST_OF_INT)
        expect.equal(tokenizer.decode(ids), text, what="decode(encode(text))")


@pytest.mark.problem(
    "bpe-encode",
    points=2,
    rests_on=[
        'The text of any ids of the vocabulary, special tokens included; [] gives "".',
        'The bytes of all tokens are joined first. What is not UTF-8 becomes U+FFFD, as with errors="replace".',
    ],
    hint={
        "en": "A character may be spread over several tokens, and ids may be no text at all. Join the bytes of all tokens first, then decode; what is not UTF-8 becomes U+FFFD and never raises an error.",
        "zh": "一个字符可能分散在几个 token 里，而有些 id 序列根本不是文本。先把所有 token 的字节拼起来再解码；不合 UTF-8 的部分变成 U+FFFD，绝不报错。",
    },
)
def test_bytes_are_joined_before_they_are_read(student, rng):
    vocab, merges = a_tokenizer(rng, 100)
    tokenizer = student.Tokenizer(vocab, merges, [])
    whole = [byte for c in "语言🙂é" for byte in c.encode()]
    cut = list(a_text(rng, 9).encode()) + list("语🙂".encode())[: int(rng.integers(4, 7))]
    mess = [int(i) for i in rng.integers(0, len(vocab), 80)]
    for ids in (whole, cut, mess, []):
        expected = b"".join(vocab[i] for i in ids).decode("utf-8", errors="replace")
        expect.equal(tokenizer.decode(ids), expected, what="decode(ids)")


@pytest.mark.problem(
    "bpe-encode",
    points=2,
    rests_on=[
        "Each special token becomes one id, the one that vocab gives it. The text around it is cut by `pretokenize`; in each piece the merges apply by rank. Nothing is added or removed.",
        "special_tokens: those to look for in a text. Whatever is not in this list is ordinary text, even if vocab has it.",
    ],
    hint={
        "en": "Each special token is one id, wherever it stands, and the text around it is encoded by itself. What is not in special_tokens is ordinary text, however it looks.",
        "zh": "每个特殊 token 无论出现在哪里都是一个 id，它前后的文本各自编码。不在 special_tokens 里的，看起来再像也只是普通文本。",
    },
)
def test_special_tokens_become_one_id_each(student, rng):
    merges = huggingface_merges(words_here("<|end|> <|user|> " * 9 + a_text(rng, 200)), 150)
    ordinary, vocab = vocab_here(merges), vocab_here(merges, ["<|end|>", "<|user|>"])
    for specials in (["<|end|>", "<|user|>"], ["<|user|>"], []):
        library = tiktoken_here(
            ordinary, {token: i for i, token in enumerate(["<|end|>", "<|user|>"], len(ordinary)) if token in specials}
        )
        tokenizer = student.Tokenizer(vocab, merges, specials)
        # Enough new words that the order of merges shows in one of them at least.
        text = "".join(a_text(rng, 30) + pick(rng, ["", "x"]) + pick(rng, ["<|end|>", "<|user|>"]) for _ in range(9))
        for document in (text, "<|user|><|user|><|end|>" + a_word(rng)):
            expected = library.encode(document, allowed_special=set(specials), disallowed_special=())
            expect.equal(
                tokenizer.encode(document),
                expected,
                Bilingual(
                    f"encode(text) with {len(specials)} special tokens",
                    f"有 {len(specials)} 个特殊 token 时的 encode(text)",
                ),
            )


@pytest.mark.problem(
    "bpe-encode",
    points=1,
    rests_on=[
        "The time does not grow with the length of `merges`.",
        "With 2,060 merges, encoding may take at most 8 times as long as with 60",
    ],
    hint={
        "en": "Encoding takes far longer when the list of merges is longer, although the text needs none of the added merges. Do you go through the list for each word? Look pairs up in a dictionary, made once.",
        "zh": "合并列表变长之后，即使文本用不到那些合并，编码也慢了很多。你是不是每个词都把列表走一遍？用字典查相邻对，而且只建一次。",
    },
)
def test_the_time_of_encoding_does_not_grow_with_merges(student, rng):
    text = " ".join("".join(rng.permutation(list("abcdefghij"))[:8]) for _ in range(500))
    few = huggingface_merges(words_here(text), 60)
    tokens = [bytes([byte]) for byte in range(128, 256)]  # none of which the text has
    unused = [divmod(int(i), len(tokens)) for i in rng.permutation(len(tokens) ** 2)[:2000]]
    many = [*((tokens[left], tokens[right]) for left, right in unused), *few]
    ids = student.Tokenizer(vocab_here(many), many, []).encode(text)
    expect.equal(
        ids,
        tiktoken_here(vocab_here(many), {}).encode(text),
        Bilingual("encode(text) with 2,060 merges", "有 2060 次合并时的 encode(text)"),
    )

    def encode_with(merges: Merges) -> Call:
        tokenizer = student.Tokenizer(vocab_here(merges), merges, [])  # a new one each time: none remembers the text
        return lambda: tokenizer.encode(text)

    ratio = growth(lambda: encode_with(few), lambda: encode_with(many))
    tell_diagnosis(student, "a dictionary" if ratio < ENCODING_LIMIT else "a walk through all merges")
    expect.that(
        ratio < ENCODING_LIMIT,
        Bilingual("the time of encoding grows too much with the number of merges", "编码的用时随合并次数增长得太快"),
    )
