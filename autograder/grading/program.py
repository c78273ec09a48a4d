"""What grading runs: the release's cells with the student's solutions in them, as data for the sandbox.

The student's Python is never parsed here: cells are told apart by grade id and by comparing text.
"""

from __future__ import annotations

import bisect
import symtable
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, TypedDict

from autograder.grading.intake import SubmittedCell
from autograder.source import ReleaseCell


class ProgramCell(TypedDict):
    """One cell as it crosses to the sandbox."""

    source: str
    role: Literal["release", "solution", "added"]
    name: str  # the grade id, or "cell 17" for the 17th cell of the notebook


def merged_cells(release: Sequence[ReleaseCell], submission: Sequence[SubmittedCell]) -> list[ProgramCell]:
    """One notebook's release merged with a submission of it.

    - The release's export cells come from the release, whatever the submission made of them.
    - A solution cell is every cell of the submission with its grade id, in the submission's order, so that
      the last definition wins as in Jupyter. Where there is none, the release's text is not used instead.
    - Any other cell of the submission counts as added, unless it is a release cell unchanged. An added cell
      keeps its place before the release cell that follows it; moved cells do not count as landmarks.
      Which statements of an added cell run, if any, is decided in the sandbox (worker/slicing.py).
    """
    matches = _match(release, submission)
    landmarks = _longest_rising([match for match in matches if match is not None])
    entries: list[tuple[tuple[int, float], ProgramCell]] = []
    names: dict[int, str] = {}
    following = len(release)  # the release cell that follows the added cells, going backwards
    for cell, match in zip(reversed(submission), reversed(matches), strict=True):
        name = f"cell {cell.position}"
        if match is None:
            entries.append(((following, cell.position), {"source": cell.source, "role": "added", "name": name}))
            continue
        if landmarks and landmarks[-1] == match:
            following = landmarks.pop()
        names[match] = name
        if release[match].solution:
            name = release[match].grade_id or name
            entries.append(((match, cell.position), {"source": cell.source, "role": "solution", "name": name}))
    for index, given in enumerate(release):
        if given.export and not given.solution:
            name = given.grade_id or names.get(index, f"release cell {index + 1}")
            entries.append(((index, float("inf")), {"source": given.source, "role": "release", "name": name}))
    entries.sort(key=lambda entry: entry[0])
    return [cell for _, cell in entries]


def solution_names(release: Sequence[ReleaseCell]) -> dict[str, str]:
    """The names that the release's solution cells define, each with the grade id of its cell.

    The sandbox looks for them in added cells when a solution cell is missing or broken.
    """
    return {
        symbol.get_name(): cell.grade_id or ""
        for cell in release
        if cell.solution
        for symbol in symtable.symtable(cell.source, "<release>", "exec").get_symbols()
        if symbol.is_assigned()
    }


def _match(release: Sequence[ReleaseCell], submission: Sequence[SubmittedCell]) -> list[int | None]:
    """The release cell that each submitted cell is, if any: the same solution cell, or another cell unchanged.

    The release is in several languages, and a student may hand in a notebook in any of them.
    """
    solutions = {cell.grade_id: index for index, cell in enumerate(release) if cell.solution}
    unchanged: dict[str, list[int]] = defaultdict(list)
    for index in reversed(range(len(release))):
        if not release[index].solution:
            for text in {_text(source) for source in (release[index].source, *release[index].translations)}:
                unchanged[text].append(index)

    def match(cell: SubmittedCell) -> int | None:
        if cell.grade_id is not None and cell.grade_id in solutions:
            return solutions[cell.grade_id]
        indexes = unchanged.get(_text(cell.source))
        if not indexes:
            return None
        return indexes.pop() if len(indexes) > 1 else indexes[0]  # equal cells in their order; copies of the last

    return [match(cell) for cell in submission]


def _text(source: str) -> str:
    """The text by which cells are compared: editors change line ends and blank space at the end of a cell."""
    return source.replace("\r\n", "\n").rstrip()


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """A longest non-decreasing subsequence, by patience sorting. Example: [0, 5, 1, 2, 2] -> [0, 1, 2, 2]."""
    ends: list[int] = []  # ends[k]: the smallest end of a rising subsequence of length k + 1
    lengths: list[int] = []
    for number in numbers:
        position = bisect.bisect_right(ends, number)
        ends[position : position + 1] = [number]
        lengths.append(position)
    rising: list[int] = []
    wanted = len(ends) - 1
    for number, length in zip(reversed(numbers), reversed(lengths), strict=True):
        if length == wanted and (not rising or number <= rising[-1]):
            rising.append(number)
            wanted -= 1
    return rising[::-1]
