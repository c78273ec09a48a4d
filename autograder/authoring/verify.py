"""Notebooks, public cases and hidden suite of a lab fit together, and say what they say in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from autograder import source
from autograder.authoring.hidden_tests import HiddenTest, hidden_tests, modules
from autograder.authoring.leaks import hidden_functions, solutions, verify_no_leak, verify_no_marker
from autograder.authoring.wording import verify_messages, verify_quotes, verify_same_program, verify_stress
from autograder.errors import UserError, listed
from autograder.grading.misconception import load_misconceptions
from autograder.lab import REPOSITORY
from labkit.i18n import LANGS

if TYPE_CHECKING:
    from autograder.lab import Lab

TOTAL_POINTS = 100


def verify(lab: Lab) -> None:
    """Raises UserError unless notebooks and hidden suite fit together and no release gives them away."""
    _verify_layer(lab)
    load_misconceptions(lab)  # an EDIT must fit the reference as it is now
    references = {notebook: source.reference(lab, notebook) for notebook in lab.notebooks}
    _verify_cells(lab, references)
    graded = _graded(lab, references)
    tests = [*hidden_tests(lab)]
    _verify_points(lab, problem_points(tests), {problem: points for problem, (_, points) in graded.items()})
    _verify_public_cases(lab, graded)
    verify_quotes(lab, tests, {problem: notebook for problem, (notebook, _) in graded.items()})
    verify_messages(lab)
    hidden = [*hidden_functions(lab)]
    for path in sorted((lab.folder / "checks").glob("*.py")):
        verify_no_leak(path, path.read_text(encoding="utf-8"), hidden)
    for notebook, reference in references.items():
        path = source.source_path(lab, notebook)
        chinese = source.reference(lab, notebook, "zh")
        verify_same_program(path, reference, chinese)
        verify_stress(path, chinese)
        secrets = [*solutions(reference), *solutions(chinese), *hidden]
        for lang in LANGS:
            release = source.release(lab, notebook, lang)
            verify_no_marker(path, release)
            verify_no_leak(path, "\n".join(cell.source for cell in release.cells), secrets)


def problem_points(tests: Iterable[HiddenTest]) -> dict[str, float]:
    """Problem id -> points: the sum over its hidden tests."""
    points: dict[str, float] = {}
    for test in tests:
        points[test.problem] = points.get(test.problem, 0) + test.points
    return points


def _verify_layer(lab: Lab) -> None:
    """The packages of the lab are pinned: set-up and the images install them."""
    lock = REPOSITORY / "requirements" / f"{lab.requirements}.txt"
    if not lock.is_file():
        name = f'{lab.folder / "lab.toml"}: requirements = "{lab.requirements}"'
        raise UserError(f"{name}: write requirements/{lab.requirements}.in, then run `make lock`")


def _verify_cells(lab: Lab, references: Mapping[str, NotebookNode]) -> None:
    """Solution cells are exported, check cells check their own problem, nothing else carries points."""
    for notebook, reference in references.items():
        path = source.source_path(lab, notebook)
        for cell in reference.cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            name = nbgrader.get("grade_id")
            if (nbgrader.get("solution") and nbgrader.get("grade")) or nbgrader.get("task"):
                raise UserError(f"{path}: {name} is graded by hand; points belong to check cells")
            if nbgrader.get("solution") and "export" not in cell.metadata.get("tags", []):
                raise UserError(f'{path}: the solution cell {name} needs tags=["export"] to be graded')
            if nbgrader.get("grade") and f'labkit.check("{name}")' not in cell.source:
                raise UserError(f'{path}: the check cell {name} should call labkit.check("{name}")')


def _graded(lab: Lab, references: Mapping[str, NotebookNode]) -> dict[str, tuple[str, float]]:
    """Problem id -> the notebook with its check cell, and the points of that cell."""
    graded: dict[str, tuple[str, float]] = {}
    for notebook, reference in references.items():
        for cell in reference.cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            if not nbgrader.get("grade"):
                continue
            problem = nbgrader["grade_id"]
            if problem in graded:
                raise UserError(f"{source.source_path(lab, notebook)}: a second check cell for {problem}")
            graded[problem] = notebook, nbgrader["points"]
    return graded


def _verify_points(lab: Lab, hidden: Mapping[str, float], checks: Mapping[str, float]) -> None:
    where = lab.folder / "hidden"
    if no_test := checks.keys() - hidden.keys():
        raise UserError(f"{where}: no hidden test for the check cell of {listed(no_test)}")
    if no_cell := hidden.keys() - checks.keys():
        raise UserError(f"{lab.folder}: no check cell for the hidden tests of {listed(no_cell)}")
    for problem in checks:
        if abs(hidden[problem] - checks[problem]) > 1e-9:
            tests, cell = hidden[problem], checks[problem]
            raise UserError(f"{where}: the tests of {problem} sum to {tests:g}, its check cell has {cell:g}")
    if abs(sum(checks.values()) - TOTAL_POINTS) > 1e-9:
        raise UserError(f"{lab.folder}: the check cells sum to {sum(checks.values()):g}, not {TOTAL_POINTS}")


def _verify_public_cases(lab: Lab, problems: Iterable[str]) -> None:
    """Every problem has a case in checks/*.py, under a title in both languages; every case has a problem."""
    where = lab.folder / "checks"
    cased: set[str] = set()
    for path, tree in modules(where):
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        marks = [mark for function in functions for mark in function.decorator_list if isinstance(mark, ast.Call)]
        for mark in (mark for mark in marks if ast.unparse(mark.func) == "case"):
            titles = {keyword.arg for keyword in mark.keywords}
            match mark.args:
                case [ast.Constant(value=str(problem))] if titles == set(LANGS):
                    cased.add(problem)
                case _:
                    raise UserError(f'{path}:{mark.lineno}: write @case("<problem>", en="...", zh="...")')
    if missing := set(problems) - cased:
        raise UserError(f"{where}: no public case for {listed(missing)}")
    if unknown := cased - set(problems):
        raise UserError(f"{where}: cases for {listed(unknown)}, which no notebook has a check cell for")
