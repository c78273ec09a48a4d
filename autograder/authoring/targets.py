"""What authors run on a Grader, and on which tests: the starter, the reference with cells added or replaced."""

from __future__ import annotations

import msgspec

from autograder import source
from autograder.grading.grader import Grader, submitted_cells
from autograder.grading.misconception import Extra, Misconception
from autograder.grading.session import Program
from autograder.grading.suite import TestResult


def starter(grader: Grader) -> dict[str, Program]:
    """The release as a submission: nothing is written."""
    lab = grader.lab
    return {name: grader.program(name, submitted_cells(source.release(lab, name))) for name in lab.notebooks}


def with_cells(grader: Grader, *extras: Extra) -> dict[str, Program]:
    """The reference with more cells after it, each in its own notebook: a misconception, or several."""
    programs = grader.reference
    for extra in extras:
        programs = extra.added_to(programs)
    return programs


def with_solution(grader: Grader, notebook: str, cell: str, text: str) -> dict[str, Program]:
    """The reference with another text in one of its solution cells, which is named by its grade id."""
    known = grader.reference[notebook]
    cells = [{**each, "source": text} if each["name"] == cell else each for each in known.cells]
    return {**grader.reference, notebook: msgspec.structs.replace(known, cells=cells)}


def tests_of(grader: Grader, notebook: str) -> list[str]:
    """The tests that cells of this notebook can fail: its own, and those of the notebooks that build on it.

    For any other test this notebook's cells are not needed: a test is run on its own notebook and on what that uses
    (Session), each a module of its own. Only a cell that changes the whole process while it is loaded, such as
    torch.set_default_dtype at its top level, could be felt elsewhere; a submission is tried on all tests for that.
    """
    reached = grader.lab.reached(notebook)
    return [test for test, mark in grader.suite.marks.items() if grader.suite.notebook_of[mark.problem] in reached]


def problem_of(grader: Grader, notebook: str, solution: str) -> str | None:
    """The problem whose check cell comes next after a solution cell, which is named by its grade id."""
    following = iter(grader.release[notebook])
    next(cell for cell in following if cell.grade_id == solution)
    return next((cell.grade_id for cell in following if cell.grade_id and not cell.solution), None)


def recorded(grader: Grader, known: Misconception) -> list[TestResult]:
    """How a misconception did by itself in the tests that it is declared to fail, from its record."""
    records = grader.traces.of(known.id)
    return [
        TestResult(test, grader.suite.marks[test], each.outcome, trace=each.replies) for test, each in records.items()
    ]
