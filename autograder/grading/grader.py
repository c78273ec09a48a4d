"""Grades submissions of one lab: intake, sandbox, hidden suite, diagnosis, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import msgspec
from nbformat import NotebookNode

from autograder import source
from autograder.grading import diagnosis
from autograder.grading.intake import SubmittedCell, Unreadable, read_submission
from autograder.grading.misconception import Extra, Misconception
from autograder.grading.program import merged_cells, solution_names
from autograder.grading.report import Entry, ProblemReport, Report, SubmissionStatus, TestReport
from autograder.grading.session import Program, Session
from autograder.grading.suite import Suite, TestResult
from autograder.grading.traces import Traces
from autograder.grading.verdict import NOT_WRITTEN
from autograder.lab import Lab
from autograder.sandbox import choose
from labkit.i18n import Lang

PATIENCE = 20  # a test may take this many times what the reference takes here


class Grader:
    """Grades any number of submissions of one lab. Use as a context manager.

    `secret` seeds the tests' inputs: the same secret gives the same score. `sandbox` is a choice of sandbox/choose.py.
    Raises UserError where that cannot run: there is no grading without one.
    """

    def __init__(self, lab: Lab, secret: bytes, sandbox: str = choose.DEFAULT) -> None:
        self.lab = lab
        self.secret = secret
        self._choice = sandbox
        self._stack = ExitStack()

    def __enter__(self) -> Grader:
        with ExitStack() as stack:
            self.sandbox = stack.enter_context(choose.start(self._choice, self.lab))
            # The sandbox imports its libraries while we import the tests.
            self._release = {name: source.release_cells(self.lab, name) for name in self.lab.notebooks}
            self.suite = stack.enter_context(Suite(self.lab, self._problems()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def grade(
        self, submission: Path, lang: Lang = "en", done: Callable[[TestResult], None] = lambda result: None
    ) -> Report:
        """Grades a notebook, or a folder with the lab's notebooks. `done` is told each test's result as it comes."""
        started = time.monotonic()
        intake = read_submission(submission, self.lab.notebooks)
        if isinstance(intake, Unreadable):
            status = SubmissionStatus("unreadable", intake.reason)
            return self._report([], status, lang, started)
        programs = {name: self.program(name, cells) for name, cells in intake.cells.items()}
        self.traces  # noqa: B018  recorded before the clock of the first submission runs
        results, notes = self.run(programs, done=done)
        entry = self.enter(programs, lang)
        status = SubmissionStatus("ok", notes=[*intake.notes, *notes])
        return self._report(results, status, lang, started, entry)

    def program(self, notebook: str, cells: Sequence[SubmittedCell]) -> Program:
        """What the sandbox executes of a submission's notebook."""
        release = self._release[notebook]
        return Program(merged_cells(release, cells), solution_names(release), self.lab.before(notebook))

    def run(
        self,
        programs: dict[str, Program],
        only: Sequence[str] | None = None,
        done: Callable[[TestResult], None] = lambda result: None,
        stop: Callable[[TestResult], bool] = lambda result: False,
        budget: Callable[[str], float] | None = None,
    ) -> tuple[list[TestResult], list[str]]:
        """Runs the hidden tests on programs; the results, and notes on what was not run.

        `only`, `done` and `stop` are those of Suite.run; `budget` gives a test other seconds than a student has.
        """
        session = self._session(programs, self.lab.limits.seconds_total)
        try:
            results = self.suite.run(session, self.secret, budget or self._budget, only, done, stop)
        finally:
            session.close()
        return results, [note for notes in session.notes.values() for note in notes]

    def enter(self, programs: dict[str, Program], lang: Lang = "en") -> Entry | None:
        """The submission's entry on the leaderboard. It has processes and time of its own: no test feels it."""
        board = self.suite.leaderboard
        if board is None or board.notebook not in programs:
            return None
        session = self._session(programs, board.seconds)
        try:
            return board.enter(session, self.secret, self.lab.id, lang)
        finally:
            session.close()

    @cached_property
    def misconceptions(self) -> dict[str, Misconception]:
        """The lab's misconceptions by id."""
        return {name: Misconception.load(path, self.lab.notebooks) for name, path in self.lab.misconceptions.items()}

    @cached_property
    def reference(self) -> dict[str, Program]:
        """The reference solution as a submission."""
        return {
            name: self.program(name, submitted_cells(source.reference(self.lab, name))) for name in self.lab.notebooks
        }

    def with_cells(self, *extras: Extra) -> dict[str, Program]:
        """The reference with more cells after it, each in its own notebook: a misconception, or several."""
        programs = dict(self.reference)
        for index, extra in enumerate(extras):
            cell = {"source": extra.source, "role": "solution", "name": f"added-{index}"}
            known = programs[extra.notebook]
            programs[extra.notebook] = msgspec.structs.replace(known, cells=[*known.cells, cell])
        return programs

    def with_solution(self, notebook: str, cell: str, text: str) -> dict[str, Program]:
        """The reference with another text in one of its solution cells, which is named by its grade id."""
        known = self.reference[notebook]
        cells = [{**each, "source": text} if each["name"] == cell else each for each in known.cells]
        return {**self.reference, notebook: msgspec.structs.replace(known, cells=cells)}

    @cached_property
    def traces(self) -> Traces:
        """The traces under this secret; made, or read from where an earlier grader kept them."""

        def run(misconception: str | None, tests: Sequence[str] | None) -> list[TestResult]:
            extras = [] if misconception is None else [self.misconceptions[misconception]]
            return self.run(self.with_cells(*extras), tests)[0]

        return Traces(self.lab, self.secret, self.misconceptions, run)

    def diagnose(self, result: TestResult, results: Sequence[TestResult]) -> str | None:
        """The misconception that a failed test's replies show, if one does; `results` are those of the submission."""
        if result.outcome not in ("failed", "error"):
            return None
        failed = {other.name for other in results if other.outcome != "passed"}

        def known() -> dict[str, diagnosis.Known]:
            return {
                name: diagnosis.Known(trace, fails)
                for name, trace in self.traces.misconceptions(result.name).items()
                if (fails := frozenset(self.misconceptions[name].fails)) <= failed
            }

        reference = self.traces.reference(result.name)
        return diagnosis.diagnose(result.trace, reference, known, result.mark.tolerance)

    def tests_of(self, notebook: str) -> list[str]:
        """The tests that cells of this notebook can fail: its own, and those of the notebooks that build on it.

        For any other test this notebook's cells are not needed: a test is run on its own notebook and on what that uses
        (Session), each a module of its own. Only a cell that changes the whole process while it is loaded, such as
        torch.set_default_dtype at its top level, could be felt elsewhere; a submission is tried on all tests for that.
        """
        reached = {name for name in self.lab.notebooks if name == notebook or notebook in self.lab.before(name)}
        return [test for test, mark in self.suite.marks.items() if self.suite.notebook_of[mark.problem] in reached]

    def problem_of(self, notebook: str, solution: str) -> str | None:
        """The problem whose check cell comes next after a solution cell, which is named by its grade id."""
        following = iter(self._release[notebook])
        next(cell for cell in following if cell.grade_id == solution)
        return next((cell.grade_id for cell in following if cell.grade_id and not cell.solution), None)

    def _session(self, programs: dict[str, Program], seconds: float) -> Session:
        """A submission in the sandbox; a notebook that it lacks has no cells."""
        empty = {name: self.program(name, ()) for name in self.lab.notebooks if name not in programs}
        return Session(self.sandbox, {**empty, **programs}, self.lab.limits.seconds_floor * 3, seconds)

    def _budget(self, test: str) -> float:
        # Not self.traces: it is the run for these traces that asks first.
        recorded = self.__dict__.get("traces")
        seconds = recorded.seconds.get(test, 0.0) if recorded else 0.0
        floor = self.lab.limits.seconds_floor * (1 if recorded else 6)
        return max(floor, PATIENCE * seconds)

    def _problems(self) -> dict[str, str]:
        """Problem -> the notebook with its check cell."""
        return {
            cell.grade_id: name
            for name, cells in self._release.items()
            for cell in cells
            if cell.grade_id and not cell.solution
        }

    def _report(
        self,
        results: list[TestResult],
        status: SubmissionStatus,
        lang: Lang,
        started: float,
        entry: Entry | None = None,
    ) -> Report:
        problems: dict[str, ProblemReport] = {}
        for mark in self.suite.marks.values():
            problem = problems.setdefault(mark.problem, ProblemReport(mark.problem, 0.0, 0.0, []))
            problem.max_score += mark.points
        for result in results:
            problem = problems[result.mark.problem]
            problem.tests.append(test := self._test_report(result, self.diagnose(result, results), lang))
            problem.score += test.points
        ordered = sorted(problems.values(), key=lambda problem: list(self.suite.notebook_of).index(problem.id))
        return Report(
            lab=self.lab.id,
            score=sum(problem.score for problem in ordered),
            max_score=sum(problem.max_score for problem in ordered),
            seconds=round(time.monotonic() - started, 3),
            problems=ordered,
            submission=status,
            sandbox=self.sandbox.name,
            leaderboard=entry,
        )

    def _test_report(self, result: TestResult, found: str | None, lang: Lang) -> TestReport:
        passed = result.outcome == "passed"
        hints = self.misconceptions[found].hint if found else result.mark.hint
        hint = "" if passed or result.message == NOT_WRITTEN else hints.text(lang)
        return TestReport(
            name=result.name,
            outcome=result.outcome,
            points=float(result.mark.points) if passed else 0.0,
            max_points=float(result.mark.points),
            message=result.message.text(lang),
            hint=hint,
            diagnosis=found,
            seconds=round(result.seconds, 3),
        )


def submitted_cells(notebook: NotebookNode) -> list[SubmittedCell]:
    """A notebook of ours as intake would read it."""
    return [
        SubmittedCell(cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"), True, position)
        for position, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
    ]
