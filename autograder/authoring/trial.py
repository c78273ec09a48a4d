"""`autograder trial`: solutions by somebody who has not read the suite, graded as students' are.

FOLDER/wrong holds mistakes, FOLDER/right honest work; a file of either is a cell after the reference's, as a
misconception is. What the suite should do is to catch every mistake, to name most, and to reject nothing that is right.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from autograder.errors import UserError
from autograder.grading.misconception import Extra

if TYPE_CHECKING:
    from autograder.grading.grader import Grader
    from labkit.i18n import Lang


class FailedTest(msgspec.Struct, frozen=True):
    """A hidden test that a solution failed, as the student would see it."""

    test: str
    outcome: str
    message: str
    hint: str
    diagnosis: str | None


class Solution(msgspec.Struct, frozen=True):
    """One file and what came of it; `lost` are points."""

    name: str
    lost: float
    failed: list[FailedTest]

    @property
    def named(self) -> list[str]:
        """The misconceptions that its failures were diagnosed as."""
        return sorted({test.diagnosis for test in self.failed if test.diagnosis})


class Trial(msgspec.Struct, frozen=True):
    """What came of all files of a folder."""

    wrong: list[Solution]
    right: list[Solution]

    @property
    def caught(self) -> list[Solution]:
        """The wrong ones that failed a test."""
        return [solution for solution in self.wrong if solution.failed]

    @property
    def rejected(self) -> list[Solution]:
        """The right ones that failed a test."""
        return [solution for solution in self.right if solution.failed]


def files(folder: Path) -> dict[str, list[Path]]:
    """The files in FOLDER/wrong and FOLDER/right. Raises UserError where there are none."""
    found = {kind: sorted((folder / kind).glob("*.py")) for kind in ("wrong", "right")}
    if not any(found.values()):
        raise UserError(f"{folder}: no Python files in {folder / 'wrong'} or {folder / 'right'}")
    return found


def trial(grader: Grader, folder: Path, lang: Lang, done: Callable[[Path], None] = lambda path: None) -> Trial:
    """Grades every file of a folder. Raises UserError for one that does not parse or names no notebook of the lab."""
    loaded = [
        (kind, path, Extra.load(path, grader.lab.notebooks)) for kind, paths in files(folder).items() for path in paths
    ]
    tried: dict[str, list[Solution]] = {"wrong": [], "right": []}
    for kind, path, extra in loaded:
        tried[kind].append(_tried(grader, path.stem, extra, lang))
        done(path)
    return Trial(**tried)


def _tried(grader: Grader, name: str, extra: Extra, lang: Lang) -> Solution:
    report = grader.judge(extra.added_to(grader.reference), lang)
    failed = [
        FailedTest(test.name, test.outcome, test.message, test.hint, test.diagnosis)
        for problem in report.problems
        for test in problem.tests
        if test.outcome != "passed"
    ]
    return Solution(name, report.max_score - report.score, failed)
