"""The labs' texts: what is read from where, and that a prefix is a sample. The packages are doubles in a folder."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import corpora, roff

FORTUNES = "usr/share/games/fortunes"


@pytest.fixture(autouse=True)
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in the place of the packages: nothing of this machine's own is read."""
    monkeypatch.setattr(corpora, "ROOTS", (tmp_path,))
    corpora._corpus.cache_clear()
    yield tmp_path
    corpora._corpus.cache_clear()


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())


def test_sayings_are_documents_and_lose_their_colours(unpacked):
    write(unpacked, f"{FORTUNES}/wisdom", "One.\n%\nTwo,\nlines.\n%\n\n%\n")
    write(unpacked, f"{FORTUNES}/wisdom.dat", "index")
    write(unpacked, f"{FORTUNES}/off/rude", "left out")
    write(unpacked, f"{FORTUNES}/tang300", "\x1b[32m《感遇》\x1b[m\n兰叶春葳蕤\n%\n\x1b[33m春眠不觉晓\x1b[m\n%\n")
    assert sorted(corpora.load("en")) == ["One.", "Two,\nlines."]
    assert sorted(corpora.load("zh")) == ["《感遇》\n兰叶春葳蕤", "春眠不觉晓"]
    assert corpora.sources("en") == "fortunes (BSD)"
    assert corpora.sources("zh") == "fortunes-zh (GPL-3+)"


def test_each_package_is_named_once_with_its_licence(unpacked):
    write(unpacked, f"{FORTUNES}/chinese", "一")
    write(unpacked, "usr/share/man/zh_CN/man1/ls.1.gz", ".TH LS 1\n.SH 名称\nls \\- 列出目录内容\n")
    write(unpacked, "usr/share/debian-reference/debian-reference.zh-cn.txt.gz", "第 1 章")
    assert sorted(corpora.load("zh")) == ["一", "名称\nls - 列出目录内容", "第 1 章"]
    names = ("fortunes-zh (GPL-3+)", "manpages-zh (GFDL-1.2+ and others)", "debian-reference-zh-cn (GPL-2+)")
    assert corpora.sources("zh") == "; ".join(names)


def test_a_long_text_is_cut_at_blank_lines_and_nothing_is_lost(unpacked):
    paragraphs = [f"Paragraph {number}: " + "word " * (number % 90) + "end." for number in range(200)]
    write(unpacked, "usr/share/doc/python3.11/html/_sources/long.rst.txt", "\n\n".join(paragraphs))
    documents = corpora.load("en")
    assert max(map(len, documents)) <= corpora.LONGEST
    assert sorted("\n\n".join(documents).split("\n\n")) == sorted(paragraphs)


def test_a_prefix_has_at_most_so_many_bytes_and_is_a_sample_of_the_whole(unpacked):
    write(unpacked, f"{FORTUNES}/art", "\n%\n".join(f"first {number:04}" for number in range(1000)))
    write(unpacked, f"{FORTUNES}/zippy", "\n%\n".join(f"last: {number:04}" for number in range(1000)))
    everything = corpora.load("en")
    prefix = corpora.load("en", max_bytes=2005)
    assert prefix == everything[:200]
    assert 60 < sum(document.startswith("first") for document in prefix) < 140
    assert corpora.load("en", max_bytes=0) == []


def test_the_order_is_the_same_in_another_process():
    code = "from labkit import corpora; print(hash(tuple(map(len, corpora.load('code', 300_000)))))"
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert len(runs) == 1
    assert runs != {""}


def test_code_is_the_standard_library_without_its_tests():
    documents = corpora.load("code")
    text = "\n".join(documents)
    assert "class OrderedDict(dict):" in text
    assert "class TestCase(object):" in text  # unittest itself is no test
    assert "class BaseTestUUID" not in text
    assert sum(map(len, documents)) > 5_000_000


def test_without_the_packages_what_pip_brought_must_do_and_it_says_so():
    for lang, least in (("en", 1_000_000), ("zh", 10_000)):
        assert sum(map(len, corpora.load(lang))) > least
        assert "the Debian packages of the labs' texts are missing" in corpora.sources(lang)
        assert "\n" not in corpora.sources(lang)


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="lang must be one of en, zh, code"):
        corpora.load("fr")


def test_importing_it_is_cheap():
    code = "import sys, labkit.corpora; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ---- manual pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (".SH 名称\nls \\- 列出\n目录\n", "名称\nls - 列出目录"),  # no space between Chinese characters
        ("Lines are\nfilled.\n.PP\nThe next.", "Lines are filled.\nThe next."),
        (".TP\n\\fB\\-a\\fP, \\fB\\-\\-all\\fP\nEverything", "-a, --all Everything"),
        ("See\n.BR ls (1)\nand\n.I a file", "See ls(1) and a file"),
        ('.IP "a b" 4n\ntext', "a b text"),
        (".nf\nkept\n  as it is\n.fi\nand filled\nagain", "kept\n  as it is\nand filled again"),
        ('.\\" comment\ntext\\" comment', "text"),
        (".ig\nnot shown\n..\nshown", "shown"),
        (".TS\nl l.\na\tb\n.TE\nafter", "after"),
        ("\\(co 2022 \\(lqx\\(rq \\e \\[u4E2D]\\s-1small\\s0\\&", "© 2022 “x” \\ 中small"),
        (".if n \\{\\\n.sp", ""),
    ],
)
def test_roff_becomes_plain_text(source, text):
    assert roff.plain_text(f".de X\nbefore the title\n..\n.TH T 1\n{source}") == text


def test_a_page_that_refers_to_another_has_no_text():
    assert roff.plain_text(".so man1/ls.1\n") == ""
