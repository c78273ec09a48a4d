"""Real text to train on: English, Chinese and code, from packages that a machine has or can have in a minute.

The text is not part of the course: it comes from Debian packages (set-up and the images fetch them with
requirements/corpora.sh) and from Python's own standard library. Where the packages are missing, texts of the installed
Python packages take their place, and `sources` says so.

    >>> documents = load("zh", max_bytes=1_000_000)
    >>> print(sources("zh"))

The text is returned raw, with its markup, control characters and duplicates. Students clean it in lab 04.
"""

import gzip
import inspect
import itertools
import json
import random
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from labkit import roff
from labkit.i18n import Bilingual, WrongArgument, of_folder

LANGUAGES = ("en", "zh", "code")
LONGEST = 4_000  # characters: longer texts are cut into several documents
SEED = 101

# The packages' files are where requirements/corpora.sh has put them, or where the packages are installed.
ROOTS = (Path(sys.prefix) / "share" / "llm101" / "corpora", Path("/"))
STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
NOT_SOURCE = {"test", "tests", "idle_test", "site-packages", "pydoc_data", "__pycache__"}
ASSIGNMENTS = Path(__file__).resolve().parent.parent
SMALL = Bilingual(
    "[small: the Debian packages of the labs' texts are missing, see requirements/corpora.sh]",
    "[语料较小：缺少实验所用文本的 Debian 软件包，见 requirements/corpora.sh]",
)


def load(lang: str, max_bytes: int | None = None) -> list[str]:
    """Documents of real text, at most `LONGEST` characters each (longer texts are cut at blank lines).

    The order is a fixed shuffle, so that every prefix is a fair sample of the whole; two calls on one machine
    give the same. The contents of the corpus depend on the machine: see `sources`.

    Args:
        lang: "en", "zh" or "code".
        max_bytes: return the longest prefix whose documents together have at most this many bytes in UTF-8; None: all.

    Raises:
        ValueError: for another language.
    """
    documents, _, _ = _corpus(lang)
    if max_bytes is None:
        return list(documents)
    sizes = itertools.accumulate(len(document.encode()) for document in documents)
    return list(documents[: sum(1 for _ in itertools.takewhile(lambda size: size <= max_bytes, sizes))])


def sources(lang: str) -> str:
    """One line: where the documents of `load(lang)` come from, and under which licences."""
    _, line, complete = _corpus(lang)
    reader = of_folder(Path.cwd())
    return line.text(reader) if complete else f"{line.text(reader)} {SMALL.text(reader)}"


@cache
def _corpus(lang: str) -> tuple[tuple[str, ...], Bilingual, bool]:
    """All documents of a language in their fixed order, the line about them, and whether the packages are there."""
    if lang not in LANGUAGES:
        raise WrongArgument(
            Bilingual(
                f"lang must be one of {', '.join(LANGUAGES)}, not {lang!r}",
                f"lang 只能是 {'、'.join(LANGUAGES)}，不能是 {lang!r}",
            )
        )
    there = [(source, files) for source in SOURCES[lang] if (files := source.files())]
    texts: Iterator[str] = (text for source, files in there for file in files for text in source.read(file))
    line = Bilingual(
        "; ".join(source.label.en for source, _ in there), "；".join(source.label.text("zh") for source, _ in there)
    )
    if not there:
        texts, line = FALLBACKS[lang]()
    documents = [piece for text in texts for piece in _pieces(text)]
    random.Random(SEED).shuffle(documents)
    return tuple(documents), line, bool(there)


def _pieces(text: str) -> Iterator[str]:
    """`text` cut into documents of at most `LONGEST` characters: at the last blank line, else at a line's end."""
    text = text.strip("\n")
    while len(text) > LONGEST:
        cut = text.rfind("\n\n", LONGEST // 4, LONGEST)
        if cut < 0:
            cut = text.rfind("\n", LONGEST // 4, LONGEST)
        if cut < 0:
            cut = LONGEST
        yield text[:cut].rstrip()
        text = text[cut:].strip("\n")
    if text.strip():
        yield text


# ---- what the packages hold ----------------------------------------------------------------------------


class Source(NamedTuple):
    """The text files of one package, and how to read the documents of one of them."""

    label: Bilingual  # the package and its licence
    files: Callable[[], list[Path]]
    read: Callable[[Path], list[str]]


def _found(pattern: str) -> Callable[[], list[Path]]:
    """The files of a package, in a fixed order: `pattern` is relative to one of `ROOTS`."""

    def files() -> list[Path]:
        for root in ROOTS:
            if found := sorted(file for file in root.glob(pattern) if file.is_file() and not file.is_symlink()):
                return found
        return []

    return files


def _fortune_files(chinese: bool) -> Callable[[], list[Path]]:
    """English and Chinese sayings lie in one folder; files with a suffix are indexes."""

    def files() -> list[Path]:
        found = [file for file in _found("usr/share/games/fortunes/*")() if not file.suffix]
        return [file for file in found if (file.name in CHINESE_FORTUNES) == chinese and file.name not in LEFT_OUT]

    return files


def _library_files() -> list[Path]:
    files = STANDARD_LIBRARY.rglob("*.py")
    return sorted(file for file in files if not NOT_SOURCE & set(file.relative_to(STANDARD_LIBRARY).parts))


def _text(file: Path) -> str:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return data.decode(errors="replace")


def _whole(file: Path) -> list[str]:
    return [_text(file)]


def _fortunes(file: Path) -> list[str]:
    """The sayings of one file. Lines with % separate them; ANSI escapes, which colour them, are removed."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", _text(file))
    return re.split(r"^%.*$", plain, flags=re.MULTILINE)


def _manual_page(file: Path) -> list[str]:
    return [roff.plain_text(_text(file))]


CHINESE_FORTUNES = {"chinese", "song100", "tang300"}
LEFT_OUT = {"ascii-art", "translate-me", "drugs", "ethnic", "men-women"}  # drawings, other languages, bad taste
PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"
PYTHON_LIBRARY = Bilingual(f"the standard library of {PYTHON} (PSF-2.0)", f"{PYTHON} 标准库 (PSF-2.0)")
MANUAL = Bilingual("manpages-zh (GFDL-1.2+ and others)", "manpages-zh (GFDL-1.2+ 等)")
SOURCES = {
    "en": [
        Source(Bilingual("fortunes (BSD)"), _fortune_files(chinese=False), _fortunes),
        Source(
            Bilingual("python3-doc (PSF-2.0)"),
            _found("usr/share/doc/python3.*[0-9]/html/_sources/**/*.rst.txt"),
            _whole,
        ),
        Source(Bilingual("debian-reference-en (GPL-2+)"), _found("usr/share/debian-reference/*.en.txt.gz"), _whole),
    ],
    "zh": [
        Source(Bilingual("fortunes-zh (GPL-3+)"), _fortune_files(chinese=True), _fortunes),
        Source(MANUAL, _found("usr/share/man/zh_CN/man*/*.gz"), _manual_page),
        Source(
            Bilingual("debian-reference-zh-cn (GPL-2+)"), _found("usr/share/debian-reference/*.zh-cn.txt.gz"), _whole
        ),
    ],
    "code": [Source(PYTHON_LIBRARY, _library_files, _whole)],
}


# ---- texts of the Python packages, where there are no Debian packages -----------------------------------


def _docstrings_and_licences() -> tuple[Iterator[str], Bilingual]:
    line = Bilingual(
        f"docstrings of {PYTHON_LIBRARY.en}; licences and descriptions of the installed packages (their own)",
        f"{PYTHON_LIBRARY.zh} 的文档字符串；已安装软件包的许可证和说明（许可证各异）",
    )
    return itertools.chain(_docstrings(), _package_texts()), line


def _docstrings() -> Iterator[str]:
    for file in _library_files():
        yield "\n\n".join(
            inspect.cleandoc(found) for found in re.findall(r'"{3}(.+?)"{3}', _text(file), flags=re.DOTALL)
        )


def _package_texts() -> Iterator[str]:
    for distribution in sorted(metadata.distributions(), key=lambda found: found.metadata["Name"] or ""):
        yield str(distribution.metadata.json.get("description", ""))
        for file in distribution.files or []:
            if "LICEN" in file.name.upper() and ".dist-info" in str(file):
                yield file.read_text(encoding="utf-8") if Path(file.locate()).is_file() else ""


def _translations_and_labs() -> tuple[Iterator[str], Bilingual]:
    line = Bilingual(
        "JupyterLab's Chinese translation (BSD-3-Clause); the prose of these labs' notebooks (Apache-2.0)",
        "JupyterLab 的中文翻译 (BSD-3-Clause)；本课程笔记本中的文字 (Apache-2.0)",
    )
    return itertools.chain(_translations(), _chinese_notebooks()), line


def _translations() -> Iterator[str]:
    for folder in map(Path, sys.path):
        for file in sorted(folder.glob("jupyterlab_language_pack_zh_CN/locale/zh_CN/LC_MESSAGES/*.json")):
            messages = json.loads(_text(file))
            yield "\n".join(" ".join(message) for key, message in messages.items() if key and isinstance(message, list))


def _chinese_notebooks() -> Iterator[str]:
    for file in sorted((ASSIGNMENTS / "zh").glob("*/*.ipynb")):
        cells = json.loads(_text(file))["cells"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        yield "\n\n".join(prose)


FALLBACKS = {"en": _docstrings_and_licences, "zh": _translations_and_labs}
