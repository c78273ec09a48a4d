"""What no release may give away: solutions, hidden tests, and nbgrader's own marks of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from autograder import source
from autograder.authoring.hidden_tests import PATTERN, modules
from autograder.errors import UserError

if TYPE_CHECKING:
    from autograder.lab import Lab

LINES = 5  # this many lines in a row of a solution or a hidden test, or all of it, are a leak
CHARACTERS = 40  # shorter passages (`return loss`) are nobody's secret


def verify_no_leak(path: Path, text: str, secrets: Iterable[list[str]]) -> None:
    """No solution or hidden test, whole or LINES in a row, stands in a text that students get."""
    text = "\n".join(_code_lines(text))
    for passage in {passage for lines in secrets for passage in _passages(lines)}:
        if f"\n{passage}\n" in f"\n{text}\n":
            raise UserError(f"{path}: the release gives away {passage.splitlines()[0]!r}...")


def verify_no_marker(path: Path, release: NotebookNode) -> None:
    """nbgrader has cut out everything between its markers."""
    for cell in release.cells:
        for marker in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
            if marker in cell.source:
                raise UserError(f"{path}: the release still has {marker!r}: {source.excerpt(cell)}")


def _passages(lines: list[str]) -> Iterator[str]:
    for start in range(max(1, len(lines) - LINES + 1)):
        passage = "\n".join(lines[start : start + LINES])
        if len(passage) >= CHARACTERS:
            yield passage


def solutions(reference: NotebookNode) -> Iterator[list[str]]:
    """Lines of every solution region; of the whole cell where a solution cell has none."""
    for cell in reference.cells:
        regions = re.findall(r"BEGIN SOLUTION[^\n]*\n(.*?)\n[^\n]*END SOLUTION", cell.source, re.DOTALL)
        if not regions and cell.metadata.get("nbgrader", {}).get("solution"):
            regions = [cell.source]
        yield from map(_code_lines, regions)


def hidden_functions(lab: Lab) -> Iterator[list[str]]:
    """Lines of every function of the hidden suite."""
    for path, tree in modules(lab.folder / "hidden", PATTERN):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield _code_lines(ast.get_source_segment(text, node) or "")


def _code_lines(text: str) -> list[str]:
    """The lines without indentation and blank lines, so that a pasted passage is found wherever it stands."""
    return [line.strip() for line in text.splitlines() if line.strip()]
