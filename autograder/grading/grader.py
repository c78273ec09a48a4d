"""Grades submissions of one lab: intake, sandbox, hidden suite, diagnosis, report."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from autograder import source
from autograder.grading import diagnosis
from autograder.grading.intake import SubmittedCell, Unreadable, read_submission
from autograder.grading.misconception import Misconception, load_misconceptions
from autograder.grading.patience import Patience
from autograder.grading.program import merged_cells, solution_names
from autograder.grading.report import Entry, ProblemReport, Report, SubmissionStatus, TestReport
from autograder.grading.session import Program, Session
from autograder.grading.suite import Suite, TestResult
from autograder.grading.traces import Traces
from autograder.grading.verdict import NOT_WRITTEN
from autograder.lab import Lab
from autograder.sandbox import choose
from labkit.i18n import Bilingual, Lang

PATIENCE = 20  # a test may take this many times what the reference takes here
LOADING = 3  # times the floor of a test: the seconds for loading a notebook
GENEROUS = 6  # times a student's seconds, for what is run to be compared with: a busy machine must not cut it short


class Clock(NamedTuple):
    """The seconds that the sandbox may work on a submission."""

    test: Callable[[str], float]  # by name
    load: float  # of one notebook's cells
    total: float


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
            self.release = {name: source.release_cells(self.lab, name) for name in self.lab.notebooks}
            self.suite = stack.enter_context(Suite(self.lab, self._problems()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def under(self, secret: bytes) -> Grader:
        """The same sandbox and suite, as long as this one has them open, with tests seeded by another secret."""
        other = copy.copy(self)
        other.secret, other._stack = secret, ExitStack()
        other.reference, other.misconceptions = self.reference, self.misconceptions
        other.__dict__.pop("traces", None)
        return other

    def grade(
        self, submission: Path, lang: Lang = "en", done: Callable[[TestResult], None] = lambda result: None
    ) -> Report:
        """Grades a notebook, or a folder with the lab's notebooks. `done` is told each test's result as it comes."""
        started = time.monotonic()
        intake = read_submission(submission, self.lab.notebooks)
        if isinstance(intake, Unreadable):
            status = SubmissionStatus("unreadable", intake.reason.text(lang))
            return self._report([], status, lang, started)
        programs = {name: self.program(name, cells) for name, cells in intake.cells.items()}
        return self.judge(programs, lang, done, intake.notes)

    def judge(
        self,
        programs: dict[str, Program],
        lang: Lang = "en",
        done: Callable[[TestResult], None] = lambda result: None,
        notes: Sequence[Bilingual] = (),
    ) -> Report:
        """The report on programs; `notes` are those of intake."""
        self.traces.reference()  # recorded before the clock of the first submission runs
        started = time.monotonic()
        patience = Patience()
        results, left_out = self.run(programs, done=done, patience=patience)
        entry = self.enter(programs, lang, patience)
        status = SubmissionStatus("ok", notes=[note.text(lang) for note in [*notes, *left_out]])
        return self._report(results, status, lang, started, entry)

    def program(self, notebook: str, cells: Sequence[SubmittedCell]) -> Program:
        """What the sandbox executes of a submission's notebook."""
        release = self.release[notebook]
        return Program(merged_cells(release, cells), solution_names(release), self.lab.before(notebook))

    def run(
        self,
        programs: dict[str, Program],
        only: Sequence[str] | None = None,
        done: Callable[[TestResult], None] = lambda result: None,
        stop: Callable[[TestResult], bool] = lambda result: False,
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> tuple[list[TestResult], list[Bilingual]]:
        """Runs the hidden tests on programs; the results, and notes on what was not run.

        `only`, `done` and `stop` are those of Suite.run; `clock` gives other seconds than a student has.
        """
        clock = clock or self.clock()
        session = self._session(programs, clock.load, clock.total, patience)
        try:
            results = self.suite.run(session, self.secret, clock.test, only, done, stop)
        finally:
            session.close()
        return results, [note for notes in session.notes.values() for note in notes]

    def enter(self, programs: dict[str, Program], lang: Lang = "en", patience: Patience | None = None) -> Entry | None:
        """The submission's entry on the leaderboard. It has processes and time of its own: no test feels it."""
        board = self.suite.leaderboard
        if board is None or board.notebook not in programs:
            return None
        session = self._session(programs, self.clock().load, board.seconds, patience)
        try:
            return board.enter(session, self.secret, self.lab.id, lang)
        finally:
            session.close()

    def clock(self, factor: float = 1.0) -> Clock:
        """So many times the seconds of a student: of a test a multiple of what the reference takes."""
        reference, limits = self.traces.reference(), self.lab.limits

        def seconds(test: str) -> float:
            return factor * max(limits.seconds_floor, PATIENCE * reference[test].seconds)

        return Clock(seconds, factor * LOADING * limits.seconds_floor, factor * limits.seconds_total)

    def clock_of_the_reference(self) -> Clock:
        """The seconds of the reference itself, of which nobody knows yet what it takes."""
        limits = self.lab.limits
        floor = GENEROUS * limits.seconds_floor
        return Clock(lambda test: floor, LOADING * floor, GENEROUS * limits.seconds_total)

    @cached_property
    def misconceptions(self) -> dict[str, Misconception]:
        """The lab's misconceptions by id."""
        return load_misconceptions(self.lab)

    @cached_property
    def reference(self) -> dict[str, Program]:
        """The reference solution as a submission."""
        return {
            name: self.program(name, submitted_cells(source.reference(self.lab, name))) for name in self.lab.notebooks
        }

    @cached_property
    def traces(self) -> Traces:
        """The traces under this secret; made, or read from where an earlier grader kept them."""

        def run(known: Misconception | None, tests: Sequence[str] | None) -> list[TestResult]:
            if known is None:
                return self.run(self.reference, tests, clock=self.clock_of_the_reference())[0]
            return self.run(known.added_to(self.reference), tests, clock=self.clock(GENEROUS))[0]

        return Traces(self.lab, self.secret, self.misconceptions, run)

    def diagnose(self, result: TestResult, results: Sequence[TestResult]) -> str | None:
        """The misconception that a failed test's replies show, if one does; `results` are those of the submission."""
        if result.outcome not in ("failed", "error"):
            return None
        failed = {other.name for other in results if other.outcome != "passed"}

        def known() -> dict[str, diagnosis.Known]:
            failing = self.traces.failing(result.name)
            return {name: found for name, found in failing.items() if found.fails <= failed}

        reference = self.traces.reference()[result.name].replies
        return diagnosis.diagnose(result.trace, reference, known, result.mark.tolerance)

    def _session(
        self, programs: dict[str, Program], load: float, total: float, patience: Patience | None = None
    ) -> Session:
        """A submission in the sandbox; a notebook that it lacks has no cells."""
        empty = {name: self.program(name, ()) for name in self.lab.notebooks if name not in programs}
        return Session(self.sandbox, {**empty, **programs}, load, total, patience)

    def _problems(self) -> dict[str, str]:
        """Problem -> the notebook with its check cell."""
        return {
            cell.grade_id: name
            for name, cells in self.release.items()
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
