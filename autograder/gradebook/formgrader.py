"""A submission as teachers see it in formgrader: the release with the student's code in it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import source
from autograder.grading.intake import SubmittedCell, Unreadable, read_submission
from autograder.grading.program import merged_cells

# nbconvert's highlighter takes time that grows with the square of a line: 8 s for one of 20,000 characters.
LINE, CELL = 1_000, 50_000  # characters that are shown
CUT = "# … cut here for display: {} of {} characters shown"


def readable(release: NotebookNode, submitted: Path, name: str) -> NotebookNode:
    """The release filled from `<name>.ipynb` in the folder `submitted`, or with a note why that cannot be read."""
    submission = read_submission(submitted, [name])
    if isinstance(submission, Unreadable):
        note = nbformat.v4.new_code_cell(f"# The submission cannot be read: {submission.reason.en}")
        release.cells.insert(0, note)
        return release
    return filled(release, submission.cells[name])


def filled(release: NotebookNode, submission: Sequence[SubmittedCell]) -> NotebookNode:
    """The release with the student's solutions in place, and added cells where grading puts them.

    So nbgrader's preprocessors see a well-formed notebook, whatever the student did to cells, ids and points.
    """
    result = copy.deepcopy(release)
    given = [index for index, cell in enumerate(result.cells) if cell.cell_type == "code"]
    solutions = {result.cells[index].metadata.nbgrader.grade_id: index for index in given if _solution(result, index)}
    others = iter([index for index in given if not _solution(result, index)])
    cells: list[NotebookNode] = []
    following = 0  # the release cell that comes next
    for cell in merged_cells([replace(cell, export=True) for cell in source.code_cells(release)], submission):
        if cell["role"] == "release":
            index = next(others)
        elif cell["name"] in solutions and cell["role"] == "solution":
            index = solutions.pop(cell["name"])
            result.cells[index].source = shown(cell["source"])
        else:  # added, or a second cell with the same grade id
            cells.append(nbformat.v4.new_code_cell(shown(cell["source"])))
            continue
        cells += result.cells[following : index + 1]
        following = index + 1
    result.cells = cells + result.cells[following:]
    return result


def shown(code: str) -> str:
    """A student's code with long lines, and the end of a long cell, cut and said to be cut. Grading runs it whole."""
    lines = code.split("\n")
    for index, line in enumerate(lines):
        if len(line) > LINE:
            lines[index] = f"{line[:LINE]}  {CUT.format(LINE, len(line))}"
    text = "\n".join(lines)
    return text if len(text) <= CELL else f"{text[:CELL]}\n{CUT.format(CELL, len(text))}"


def _solution(notebook: NotebookNode, index: int) -> bool:
    return bool(notebook.cells[index].metadata.get("nbgrader", {}).get("solution"))
