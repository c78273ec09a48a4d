"""Whatever is handed in is read or refused with one line, in bounded time and memory."""

from __future__ import annotations

import codecs
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.grading import intake
from autograder.grading.intake import Submission, Unreadable, read_submission
from labkit.i18n import Bilingual
from tests.english import sentences
from tests.patience import cheap

QUICK = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def code(source: Any = "x = 1\n", grade_id: Any = None, **nbgrader: Any) -> dict[str, Any]:
    metadata = {"nbgrader": {"grade_id": grade_id, **nbgrader}} if grade_id is not None else {}
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def notebook(*cells: Any, **other: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **other}).encode()


MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}
USUAL = notebook(MARKDOWN, code(["import math\n", "r = 8"]), code("def f(): ...", "f-solution", solution=True))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Submission | Unreadable]:
    """Reads bytes handed in as the one notebook of a lab."""

    def read_bytes(raw: bytes) -> Submission | Unreadable:
        (tmp_path / "any name.ipynb").write_bytes(raw)
        return read_submission(tmp_path / "any name.ipynb", ["lora"])

    return read_bytes


def cells(submission: Submission | Unreadable) -> tuple[intake.SubmittedCell, ...]:
    assert isinstance(submission, Submission), submission
    return submission.cells["lora"]


def reason(submission: Submission | Unreadable) -> str:
    assert isinstance(submission, Unreadable), submission
    for text in (submission.reason.en, submission.reason.zh):
        assert text.isprintable()
        assert len(text) < 300
    assert sentences(submission.reason.zh) == []
    return submission.reason.en


def test_code_cells_come_with_source_grade_id_and_position(read: Any) -> None:
    first, second = cells(read(USUAL))
    assert (first.source, first.grade_id, first.solution, first.position) == (
        "import math\nr = 8",
        None,
        False,
        2,
    )
    assert (second.source, second.grade_id, second.solution, second.position) == (
        "def f(): ...", "f-solution", True, 3,
    )  # fmt: skip


def test_a_folder_holds_the_notebooks_of_the_lab(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(USUAL)
    (tmp_path / "b.ipynb").write_bytes(notebook(code("y = 2")))
    (tmp_path / "other.ipynb").write_bytes(b"garbage")
    submission = read_submission(tmp_path, ["a", "b"])
    assert isinstance(submission, Submission)
    assert [cell.source for cell in submission.cells["b"]] == ["y = 2"]
    assert submission.notes == ()


def test_a_notebook_missing_from_a_folder_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(USUAL)
    submission = read_submission(tmp_path, ["a", "b"])
    assert isinstance(submission, Submission)
    assert submission.cells["b"] == ()
    assert submission.notes == (
        Bilingual(
            "b.ipynb is not in the submitted folder: its problems get no points",
            "提交的文件夹中没有 b.ipynb：其中的题目不得分",
        ),
    )


def test_a_folder_without_any_notebook_of_the_lab_is_refused(tmp_path: Path) -> None:
    assert "no a.ipynb and b.ipynb" in reason(read_submission(tmp_path, ["a", "b"]))


def test_one_bad_notebook_makes_the_folder_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(USUAL)
    (tmp_path / "b.ipynb").write_bytes(USUAL[:-30])
    assert reason(read_submission(tmp_path, ["a", "b"])).startswith("b.ipynb ends in the middle")


def test_a_file_is_refused_for_a_lab_with_several_notebooks(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(USUAL)
    assert "this lab has 2 notebooks: submit the folder that holds them" in reason(
        read_submission(tmp_path / "a.ipynb", ["a", "b"])
    )


REFUSED = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "not saved as UTF-8"),
    "text": (b"hello", "is not a notebook"),
    "truncated": (USUAL[: len(USUAL) // 2], "ends in the middle"),
    "two documents": (USUAL + USUAL, "is not a notebook"),
    "list": (b"[1, 2]", "is JSON, but not a notebook"),
    "number": (b"3", "is JSON, but not a notebook"),
    "null": (b"null", "is JSON, but not a notebook"),
    "huge number": (b"1" * 100_000, "is "),
    "object without cells": (b'{"nbformat": 4}', "is JSON, but not a notebook"),
    "no version": (b'{"cells": []}', "is JSON, but not a notebook"),
    "cells is an object": (b'{"cells": {}, "nbformat": 4}', "is JSON, but not a notebook"),
    "cell is a number": (notebook(1), "is JSON, but not a notebook"),
    "cell of an unknown type": (notebook({"cell_type": "a\nb\x1b[31m"}), "is JSON, but not a notebook"),
    "format 2": (notebook(nbformat=2), "format 2"),
    "format 5": (notebook(nbformat=5), "format 5"),
    "format 10**30": (notebook(nbformat=10**30), "is JSON, but not a notebook"),
    "format true": (notebook(nbformat=True), "is JSON, but not a notebook"),
    "source is a number": (notebook(code(5)), "the source of cell 1"),
    "source is null": (notebook(code(None)), "the source of cell 1"),
    "source is a list of numbers": (notebook(MARKDOWN, code(["x", 5])), "the source of cell 2"),
    "lone surrogate": (notebook(code("\ud800")), "is not a notebook"),
    "UTF-16 without a mark": (USUAL.decode().encode("utf-16-le"), "is not a notebook"),
    "GBK": (json.dumps(json.loads(notebook(code("# 损失"))), ensure_ascii=False).encode("gbk"), "UTF-8"),
    "latin-1 in an unknown place": (notebook(code("# e")).replace(b"# e", b"# \xe9"), "UTF-8"),
    "broken UTF-16": (codecs.BOM_UTF16_LE + b"{\x00\x00\xd8}\x00", "UTF-16-LE"),
    "deep list": (b"[" * 500_000, "is "),
    "deep metadata": (
        b'{"nbformat": 4, "metadata": ' + b"[" * 500_000 + b"]" * 500_000 + b', "cells": []}',
        "nested too deeply",
    ),
    "deep cell": (
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "metadata": '
        + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}]}",
        "nested too deeply",
    ),
    "100,000 cells": (notebook(*[MARKDOWN] * 100_000), "more than 5,000 cells"),
    "5 MiB of code": (notebook(*[code("x = 1  # " + "a" * 60_000)] * 90), "more than 4 MiB of code"),
    "10,001 times NaN": (notebook(metadata=[float("nan")] * 10_001), "is not a notebook"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_notebook_is_refused_with_a_reason(read: Any, case: str) -> None:
    raw, expected = REFUSED[case]
    with cheap(10):
        assert expected in reason(read(raw))


READ = {
    "no cells": (notebook(), []),
    "only markdown": (notebook(MARKDOWN), []),
    "no source": (notebook({"cell_type": "code"}), [("", None)]),
    "grade id of a wrong type": (notebook(code("x", 5)), [("x", None)]),
    "metadata of a wrong type": (notebook({**code("x"), "metadata": [1]}), [("x", None)]),
    "nbgrader of a wrong type": (notebook({**code("x"), "metadata": {"nbgrader": "yes"}}), [("x", None)]),
    "points changed": (notebook(code("x", "a", points=1e9, solution="no", locked=None)), [("x", "a")]),
    "duplicated cells": (notebook(code("x", "a"), code("y", "a")), [("x", "a"), ("y", "a")]),
    "duplicated keys": (b'{"cells": [], ' + notebook(code("z"))[1:], [("z", None)]),
    "NUL in the source": (notebook(code("a\0b")), [("a\0b", None)]),
    "emoji": (notebook(code("# 😀")), [("# 😀", None)]),
    "NaN in metadata": (notebook(code("x"), metadata={"NaN": [float("nan"), -float("inf")]}), [("x", None)]),
    "NaN in the source": (notebook(code('"NaN" NaN'), metadata={"a": float("nan")}), [('"NaN" NaN', None)]),
    "UTF-8 with a mark": (codecs.BOM_UTF8 + USUAL, None),
    "UTF-16 little-endian": (codecs.BOM_UTF16_LE + USUAL.decode().encode("utf-16-le"), None),
    "UTF-16 big-endian": (codecs.BOM_UTF16_BE + USUAL.decode().encode("utf-16-be"), None),
    "UTF-32 little-endian": (codecs.BOM_UTF32_LE + USUAL.decode().encode("utf-32-le"), None),
    "UTF-32 big-endian": (codecs.BOM_UTF32_BE + USUAL.decode().encode("utf-32-be"), None),
    "10 MB of metadata": (notebook(code("x"), metadata={"a": ["b" * 100] * 100_000}), [("x", None)]),
    "10 MB of outputs": (notebook({**code("x"), "outputs": [["b" * 100] * 100_000]}), [("x", None)]),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_odd_notebooks_are_read(read: Any, case: str) -> None:
    raw, expected = READ[case]
    found = cells(read(raw))
    if expected is None:
        expected = [("import math\nr = 8", None), ("def f(): ...", "f-solution")]
    assert [(cell.source, cell.grade_id) for cell in found] == expected


def test_format_3_reads_as_nbformats_converter_reads_it(read: Any) -> None:
    sheet = [
        nbformat.v3.new_text_cell("markdown", source="# T"),
        nbformat.v3.new_heading_cell(source="H"),
        nbformat.v3.new_code_cell(input="a = 1\nb = 2", metadata={"nbgrader": {"grade_id": "a"}}),
        nbformat.v3.new_code_cell(input="c = 3"),
    ]
    old = nbformat.v3.new_notebook(worksheets=[nbformat.v3.new_worksheet(cells=sheet)])
    submission = read(nbformat.writes(old, version=3).encode())
    converted = nbformat.convert(old, 4).cells
    assert [(cell.source, cell.position) for cell in cells(submission)] == [
        (cell.source, position) for position, cell in enumerate(converted, 1) if cell.cell_type == "code"
    ]
    assert cells(submission)[0].grade_id == "a"
    assert [note.en for note in submission.notes] == ["any name.ipynb is in notebook format 3, not 4"]


@pytest.mark.parametrize(("sheets", "cells_each"), [(1, 6_000), (2, 1), (1_000_000, 0), (0, 0)])
def test_format_3_with_too_much_in_it_is_refused(read: Any, sheets: int, cells_each: int) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ""}] * cells_each}
    reason(read(json.dumps({"nbformat": 3, "worksheets": [sheet] * sheets}).encode()))


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.ipynb"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    monkeypatch.setattr(intake, "open", lambda *_, **__: pytest.fail("it was opened to be read"), raising=False)
    assert "larger than 64 MiB" in reason(read_submission(path, ["lora"]))


def symlink_to_another(folder: Path) -> None:
    (folder.parent / "other.ipynb").write_bytes(USUAL)
    (folder / "lora.ipynb").symlink_to(folder.parent / "other.ipynb")


def unix_socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("lora.ipynb")
    os.chdir(here)


NOT_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "symbolic link to another's notebook": (symlink_to_another, "symbolic link"),
    "symbolic link to a system file": (
        lambda at: (at / "lora.ipynb").symlink_to("/etc/passwd"),
        "symbolic link",
    ),
    "dangling symbolic link": (lambda at: (at / "lora.ipynb").symlink_to("nowhere"), "symbolic link"),
    "device": (lambda at: (at / "lora.ipynb").symlink_to("/dev/zero"), "symbolic link"),
    "FIFO": (lambda at: os.mkfifo(at / "lora.ipynb"), "not a regular file"),
    "folder": (lambda at: (at / "lora.ipynb").mkdir(), "not a regular file"),
    "socket": (unix_socket, "cannot be opened"),
}


@pytest.mark.parametrize("case", NOT_FILES)
def test_only_regular_files_are_read(tmp_path: Path, case: str) -> None:
    make, expected = NOT_FILES[case]
    folder = tmp_path / "submitted"
    folder.mkdir()
    make(folder)
    assert expected in reason(read_submission(folder, ["lora"]))
    if case != "folder":  # a folder may be a submission
        assert expected in reason(read_submission(folder / "lora.ipynb", ["lora"]))


def test_a_device_is_refused() -> None:
    assert "not a regular file" in reason(read_submission(Path("/dev/zero"), ["lora"]))


def test_a_folder_behind_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "lora.ipynb").write_bytes(USUAL)
    (tmp_path / "mine").symlink_to("theirs")
    assert "symbolic link" in reason(read_submission(tmp_path / "mine", ["lora"]))


@pytest.mark.parametrize("name", ["gone.ipynb", "a\0b.ipynb", "a" * 5000, "gone\n\x1b[31m.ipynb"])
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    reason(read_submission(tmp_path / name, ["lora"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON,
        "source": st.text() | st.lists(st.text()) | JSON,
        "metadata": st.fixed_dictionaries({"nbgrader": st.fixed_dictionaries({"grade_id": JSON}) | JSON}) | JSON,
        "outputs": JSON,
    },
)
NOTEBOOK = st.fixed_dictionaries(
    {"nbformat": st.sampled_from([3, 4]) | JSON},
    optional={
        "cells": st.lists(CELL) | JSON,
        "worksheets": st.lists(st.fixed_dictionaries({"cells": JSON})) | JSON,
    },
)


@QUICK
@given(NOTEBOOK | JSON)
def test_any_json_is_read_or_refused(read: Any, document: Any) -> None:
    submission = read(json.dumps(document).encode(errors="surrogatepass"))
    if isinstance(submission, Unreadable):
        reason(submission)


@QUICK
@given(st.integers(0, len(USUAL) - 1))
def test_any_truncation_is_refused(read: Any, length: int) -> None:
    reason(read(USUAL[:length]))


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(USUAL) - 1), st.integers(0, 7)), min_size=1, max_size=5))
def test_any_bit_flips_are_read_or_refused(read: Any, flips: list[tuple[int, int]]) -> None:
    raw = bytearray(USUAL)
    for position, bit in flips:
        raw[position] ^= 1 << bit
    submission = read(bytes(raw))
    if isinstance(submission, Unreadable):
        reason(submission)
