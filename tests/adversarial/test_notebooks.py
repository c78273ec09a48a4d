"""Notebooks that have been tampered with, graded end to end: no points for nothing, and no crash."""

import json
from pathlib import Path

import nbformat
import pytest

FULL_MARKS = 'print("16/16")\n16'


def nbgrader(cell):
    return cell.metadata.get("nbgrader", {})


def without_checks(node):
    node.cells = [cell for cell in node.cells if not nbgrader(cell).get("grade")]


def with_other_points(node):
    for cell in node.cells:
        if nbgrader(cell).get("grade"):
            cell.metadata.nbgrader.points = 1_000_000


def with_changed_checks(node):
    for cell in node.cells:
        if nbgrader(cell).get("grade"):
            cell.source = FULL_MARKS
            cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "16"})]


def with_changed_ids(node):
    for cell in node.cells:
        if nbgrader(cell):
            cell.metadata.nbgrader.grade_id += "-x"


def with_swapped_ids(node):
    ids = [nbgrader(cell)["grade_id"] for cell in node.cells if nbgrader(cell)]
    for cell, name in zip((cell for cell in node.cells if nbgrader(cell)), reversed(ids), strict=True):
        cell.metadata.nbgrader.grade_id = name


def with_every_cell_a_solution(node):
    for cell in node.cells:
        claim = {"grade_id": "softmax-solution", "solution": True, "grade": True, "schema_version": 3}
        cell.metadata.nbgrader = claim


def with_more_checks(node):
    for number in range(50):
        checks = [cell for cell in node.cells[:9] if nbgrader(cell).get("grade")]
        node.cells += [nbformat.from_dict(cell | {"id": f"{cell.id}-{number}"}) for cell in checks]


def with_changed_imports(node):
    for cell in node.cells:
        if "import torch" in cell.source:
            cell.source = "import sys\nsys.modules['torch'] = sys\ntorch = math = Tensor = sys"


def with_outputs_that_say_passed(node):
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="All tests passed. Score: 16/16\n")]


def with_magics(node):
    node.cells.insert(0, nbformat.v4.new_code_cell("%load_ext autoreload\n!touch /tmp/x\n%%bash\nexit 0"))


@pytest.mark.parametrize("tamper", [
    without_checks, with_other_points, with_changed_checks, with_changed_ids, with_swapped_ids,
    with_every_cell_a_solution, with_more_checks, with_changed_imports, with_outputs_that_say_passed, with_magics,
])  # fmt: skip
def test_tampering_gains_nothing(arena, tamper):
    node = arena.notebook(False, {})
    tamper(node)
    report = arena.grade(node)
    assert report.score == 0
    assert report.max_score == 16
    assert [problem.max_score for problem in report.problems] == [4, 6, 6]


@pytest.mark.parametrize("tamper", [without_checks, with_other_points, with_changed_checks, with_more_checks,
                                    with_changed_imports, with_outputs_that_say_passed, with_magics])  # fmt: skip
def test_what_does_not_touch_the_solutions_costs_nothing(arena, tamper):
    node = arena.notebook(True, {})
    tamper(node)
    assert arena.grade(node).score == 16


HELD_IN_SOURCE = {
    "half a surrogate pair": "x = '\ud800'",
    "a null": "x = 1\0",
    "many brackets": "(" * 10_000,
    "a million minuses": "x = " + "-" * 1_000_000 + "1",
    "a long sum": "x = " + "+".join(["1"] * 200_000),
    "a hundred nested functions": "\n".join("  " * i + f"def f{i}():" for i in range(99)) + "\n" + "  " * 99 + "pass",
    "a line of 3 MiB": "x = '" + "a" * (3 << 20) + "'",
    "many lines": "x = 1\n" * 5_000,
    "a coding line": "# -*- coding: rot13 -*-\nvzcbeg bf",
    "a form feed": "\f\n\v",
    "a star import": "from torch import *\nfrom os import *",
    "a future": "from __future__ import braces",
}


@pytest.mark.parametrize("held", HELD_IN_SOURCE)
def test_a_strange_cell_beside_the_solutions_costs_nothing(arena, held, tmp_path):
    node = arena.notebook(True, {})
    text = nbformat.writes(node)
    document = json.loads(text)
    added = {"cell_type": "code", "id": "strange", "metadata": {}, "outputs": [], "execution_count": None}
    document["cells"].insert(1, added | {"source": HELD_IN_SOURCE[held]})
    path = tmp_path / "strange.ipynb"
    path.write_text(json.dumps(document), encoding="utf-8")
    report = arena.grader.grade(path)
    assert report.submission.status == "unreadable" or report.score == 16, report


@pytest.mark.parametrize("held", HELD_IN_SOURCE)
def test_a_strange_cell_in_a_solution_s_place_costs_that_one(arena, held, tmp_path):
    text = nbformat.writes(arena.notebook(True, {"rms-norm-solution": "?"}))
    document = json.loads(text)
    for cell in document["cells"]:
        if cell["source"] in ("?", ["?"]):
            cell["source"] = HELD_IN_SOURCE[held]
    path = tmp_path / "strange.ipynb"
    path.write_text(json.dumps(document), encoding="utf-8")
    report = arena.grader.grade(path)
    assert report.submission.status == "unreadable" or report.score == 10, report


FILES = {
    "empty": b"",
    "binary": bytes(range(256)) * 100,
    "a list": b"[]",
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "nested": b'{"cells": ' + b"[" * 100_000,
    "truncated": b'{"cells": [{"cell_type": "code", "source": "x',
}


@pytest.mark.parametrize("file", FILES)
def test_what_is_no_notebook_is_unreadable(arena, file, tmp_path):
    path = tmp_path / "mini.ipynb"
    path.write_bytes(FILES[file])
    report = arena.grader.grade(path)
    assert report.submission.status == "unreadable"
    assert (report.score, report.max_score) == (0, 16)


@pytest.mark.parametrize("target", ["other", "/etc/passwd", "/dev/zero", "loop"])
def test_a_symbolic_link_is_not_followed(arena, honest, target, tmp_path):
    link = tmp_path / "link.ipynb"
    link.symlink_to({"other": honest, "loop": link}.get(target, Path(target)))
    report = arena.grader.grade(link)
    assert report.submission.status == "unreadable"
    assert "root:" not in report.to_json().decode()
