"""Reads what a student handed in: a path becomes code cells, or one line that says why not.

This runs in the trusted process on files that an opponent may have made. So: only regular files are read,
sizes are bounded before they are read or decoded, outputs are skipped without being built, the student's
Python is never parsed, and every answer is a value, never an exception.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Raw

from labkit.i18n import Bilingual

MAX_FILE = 64 << 20  # bytes of one notebook, outputs included
MAX_SOURCE = 4 << 20  # bytes of JSON of all code cells' sources
MAX_CELLS = 5_000
MAX_CONSTANTS = 10_000  # NaN and Infinity, which JSON does not have

REOPEN = Bilingual(
    "open the notebook in Jupyter, save it and submit it again", "请在 Jupyter 中打开笔记本，保存后重新提交"
)
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO must not block us

# UTF-32 comes first: its byte order mark begins with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class SubmittedCell:
    """One code cell as the student left it. Its metadata is a claim: nobody checked it."""

    source: str
    grade_id: str | None
    solution: bool
    position: int  # 1 for the first cell of the notebook, counting cells of every kind


@dataclass(frozen=True, slots=True)
class Submission:
    """The code cells of each notebook of the lab, and what to tell the student about how they were read."""

    cells: dict[str, tuple[SubmittedCell, ...]]
    notes: tuple[Bilingual, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nothing to grade: one line that says why and what to do."""

    reason: Bilingual


class _Refused(Exception):
    """The line of an Unreadable."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.reason = Bilingual(en, zh)


class _Version(msgspec.Struct):
    nbformat: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class _Cell(msgspec.Struct, gc=False):
    cell_type: Literal["code", "markdown", "raw"]
    source: Raw = Raw(b'""')
    metadata: Raw = Raw(b"{}")


class _Notebook(msgspec.Struct):
    cells: Annotated[list[_Cell], msgspec.Meta(max_length=MAX_CELLS)]


class _Cell3(msgspec.Struct, gc=False):
    cell_type: Literal["code", "markdown", "raw", "html", "heading"]
    source: Raw = msgspec.field(default=Raw(b'""'), name="input")
    metadata: Raw = Raw(b"{}")


class _Worksheet(msgspec.Struct):
    cells: Annotated[list[_Cell3], msgspec.Meta(max_length=MAX_CELLS)]


class _Notebook3(msgspec.Struct):
    worksheets: tuple[_Worksheet]  # the format allows for more, no program wrote them


class _Nbgrader(msgspec.Struct):
    grade_id: str | None = None
    solution: Raw = Raw(b"false")


class _Metadata(msgspec.Struct):
    nbgrader: _Nbgrader | None = None


_version = msgspec.json.Decoder(_Version)
_notebook = msgspec.json.Decoder(_Notebook)
_notebook3 = msgspec.json.Decoder(_Notebook3)
_source = msgspec.json.Decoder(str | list[str])
_metadata = msgspec.json.Decoder(_Metadata)

# Everything up to the next NaN or Infinity outside a string. Possessive: linear, and no stack that grows.
_BEFORE_CONSTANT = re.compile(rb'((?:[^"NI]++|"(?:[^"\\]++|\\.)*+"|(?!NaN|Infinity)[NI])*+)(?:NaN|Infinity)', re.DOTALL)


def read_submission(path: Path, notebooks: Sequence[str]) -> Submission | Unreadable:
    """Reads a submission of the lab whose notebooks are `notebooks` (names without .ipynb).

    `path` is the notebook, under any name, of a lab that has one; or a folder that holds `<name>.ipynb` for
    each. A folder with some of a lab's notebooks is read; those missing are noted and have no cells. One
    that cannot be read makes all of the submission unreadable, so that the student hears of it at once.
    """
    try:
        return _read(Path(path), notebooks)
    except _Refused as refused:
        return Unreadable(refused.reason)


def _read(path: Path, notebooks: Sequence[str]) -> Submission:
    shown = _printable(path.name or str(path))
    descriptor = _open(path, shown)
    if descriptor is None:
        raise _Refused(
            f"{shown} does not exist: give the path of a notebook, or of the folder that holds it",
            f"{shown} 不存在：请给出笔记本的路径，或笔记本所在文件夹的路径",
        )
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return _read_folder(descriptor, notebooks)
        if len(notebooks) != 1:
            raise _Refused(
                f"this lab has {len(notebooks)} notebooks: submit the folder that holds them",
                f"本实验有 {len(notebooks)} 个笔记本：请提交它们所在的文件夹",
            )
        cells, notes = _parse(_contents(descriptor, shown), shown)
        return Submission({notebooks[0]: cells}, notes)
    finally:
        os.close(descriptor)


def _read_folder(folder: int, notebooks: Sequence[str]) -> Submission:
    submitted: dict[str, tuple[SubmittedCell, ...]] = {}
    notes: list[Bilingual] = []
    for name in notebooks:
        file = f"{name}.ipynb"
        descriptor = _open(Path(file), file, folder)
        if descriptor is None:
            absent = Bilingual(
                f"{file} is not in the submitted folder: its problems get no points",
                f"提交的文件夹中没有 {file}：其中的题目不得分",
            )
            notes.append(absent)
            continue
        try:
            submitted[name], more = _parse(_contents(descriptor, file), file)
        finally:
            os.close(descriptor)
        notes += more
    if not submitted:
        files = [f"{name}.ipynb" for name in notebooks]
        raise _Refused(
            f"the submitted folder has no {' and '.join(files)}: put it there under that name",
            f"提交的文件夹中没有 {'、'.join(files)}：请按此文件名放入",
        )
    return Submission({name: submitted.get(name, ()) for name in notebooks}, tuple(notes))


def _open(path: Path, shown: str, folder: int | None = None) -> int | None:
    """A descriptor of what `path` names itself, without waiting; None when there is nothing."""
    try:
        return os.open(path, OPEN_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise _Refused(
                f"{shown} is a symbolic link: submit the file itself", f"{shown} 是符号链接：请提交文件本身"
            ) from None
        reason = (getattr(error, "strerror", None) or "no such path").lower()
        raise _Refused(
            f"{shown} cannot be opened ({reason}): submit a notebook that can be read",
            f"{shown} 无法打开：请提交可以读取的笔记本",
        ) from None


def _contents(descriptor: int, shown: str) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _Refused(
            f"{shown} is not a regular file: submit a notebook, saved as {shown}",
            f"{shown} 不是普通文件：请提交保存为 {shown} 的笔记本",
        )
    if status.st_size > MAX_FILE:
        raise _Refused(
            f"{shown} is larger than {MAX_FILE >> 20} MiB: clear its outputs, save it and submit it again",
            f"{shown} 超过 {MAX_FILE >> 20} MiB：请清除输出，保存后重新提交",
        )
    try:
        with open(descriptor, "rb", closefd=False) as file:
            raw = file.read(status.st_size + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise _Refused(f"{shown} cannot be read ({reason}): submit it again", f"{shown} 无法读取：请重新提交") from None
    if len(raw) > status.st_size:
        raise _Refused(
            f"{shown} was being written while it was read: submit it again", f"{shown} 在读取时仍在写入：请重新提交"
        )
    return raw


def _parse(raw: bytes, shown: str) -> tuple[tuple[SubmittedCell, ...], tuple[Bilingual, ...]]:
    """The code cells of a notebook file, and notes."""
    if not raw or raw.isspace():
        raise _Refused(f"{shown} is empty: {REOPEN.en}", f"{shown} 是空的：{REOPEN.zh}")
    raw, encoding = _as_utf8(raw, shown)
    notes = []
    if encoding != "utf-8":
        name = encoding.upper()
        notes.append(Bilingual(f"{shown} is encoded as {name}, not UTF-8", f"{shown} 的编码是 {name}，不是 UTF-8"))
    try:
        raw, version = _nbformat(raw)
        cells: Sequence[_Cell | _Cell3]
        if version == 4:
            cells = _notebook.decode(raw).cells
        elif version == 3:
            cells = _notebook3.decode(raw).worksheets[0].cells
            notes.append(
                Bilingual(f"{shown} is in notebook format 3, not 4", f"{shown} 是第 3 版笔记本格式，不是第 4 版")
            )
        else:
            raise _Refused(
                f"{shown} is in notebook format {version}, not 4: {REOPEN.en}",
                f"{shown} 是第 {version} 版笔记本格式，不是第 4 版：{REOPEN.zh}",
            )
        return _code_cells(cells, shown), tuple(notes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        complaint = _complaint(raw, error)
        raise _Refused(f"{shown} {complaint.en}", f"{shown} {complaint.zh}") from None


def _nbformat(raw: bytes) -> tuple[bytes, int]:
    """The format's version, and the text in which it was found: without NaN, if NaN was in the way."""
    try:
        return raw, _version.decode(raw).nbformat
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        raw = _without_constants(raw)
        return raw, _version.decode(raw).nbformat


def _code_cells(cells: Sequence[_Cell | _Cell3], shown: str) -> tuple[SubmittedCell, ...]:
    code = [(position, cell) for position, cell in enumerate(cells, 1) if cell.cell_type == "code"]
    if sum(len(memoryview(cell.source)) for _, cell in code) > MAX_SOURCE:
        raise _Refused(
            f"{shown} holds more than {MAX_SOURCE >> 20} MiB of code: delete what is not code of yours",
            f"{shown} 的代码超过 {MAX_SOURCE >> 20} MiB：请删除不是自己写的内容",
        )
    submitted = []
    for position, cell in code:
        try:
            lines = _source.decode(cell.source)
        except msgspec.ValidationError:
            raise _Refused(
                f"{shown}: the source of cell {position} is neither text nor lines: {REOPEN.en}",
                f"{shown}：第 {position} 个单元格的内容既不是文本，也不是文本行：{REOPEN.zh}",
            ) from None
        grade_id, solution = _nbgrader(cell.metadata)
        source = lines if isinstance(lines, str) else "".join(lines)
        submitted.append(SubmittedCell(source, grade_id, solution, position))
    return tuple(submitted)


def _nbgrader(metadata: Raw) -> tuple[str | None, bool]:
    """What a cell's metadata says for nbgrader; nothing when it is not what nbgrader writes."""
    try:
        nbgrader = _metadata.decode(metadata).nbgrader
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        nbgrader = None
    return (nbgrader.grade_id, bytes(nbgrader.solution) == b"true") if nbgrader else (None, False)


def _as_utf8(raw: bytes, shown: str) -> tuple[bytes, str]:
    """The text after its byte order mark, if it has one, in UTF-8; and the encoding it had."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            raw = raw[len(mark) :]
            try:
                return (raw if encoding == "utf-8" else raw.decode(encoding).encode()), encoding
            except UnicodeError:
                name = encoding.upper()
                raise _Refused(
                    f"{shown} is not valid {name}: save it as UTF-8", f"{shown} 不是有效的 {name}：请另存为 UTF-8"
                ) from None
    return raw, "utf-8"


def _without_constants(raw: bytes) -> bytes:
    """The text with 0 for NaN and Infinity: Python writes them into outputs and metadata, JSON lacks them."""
    pieces: list[bytes] = []
    start = 0
    while (match := _BEFORE_CONSTANT.match(raw, start)) and len(pieces) < 2 * MAX_CONSTANTS:
        pieces += match[1], b"0"
        start = match.end()
    return b"".join([*pieces, raw[start:]])


def _complaint(raw: bytes, error: Exception) -> Bilingual:
    """What is wrong with a file that the decoder refused, and what to do: the predicate of a sentence."""
    detail = _printable(str(error))
    if f"length <= {MAX_CELLS}" in detail:
        return Bilingual(
            f"has more than {MAX_CELLS:,} cells: delete those that are not yours and submit it again",
            f"有超过 {MAX_CELLS:,} 个单元格：请删除不是自己写的单元格，然后重新提交",
        )
    if isinstance(error, RecursionError):
        problem = Bilingual("is nested too deeply to be a notebook", "嵌套过深，不是笔记本")
    elif isinstance(error, msgspec.ValidationError):
        problem = Bilingual(f"is JSON, but not a notebook ({detail})", "是 JSON，但不是笔记本")
    elif not _is_utf8(raw):
        problem = Bilingual("is not a notebook, or not saved as UTF-8", "不是笔记本，或者没有保存为 UTF-8")
    elif "truncated" in detail:
        problem = Bilingual("ends in the middle", "的内容不完整")
    else:
        problem = Bilingual(f"is not a notebook ({detail})", "不是笔记本")
    return Bilingual(f"{problem.en}: {REOPEN.en}", f"{problem.zh}：{REOPEN.zh}")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _printable(text: str) -> str:
    """A name or text of the student's, made fit for one line."""
    return "".join(character if character.isprintable() else "?" for character in text[:120])
