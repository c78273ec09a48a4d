"""The hidden tests of a lab, imported once and run for one submission after another by a pytest that stays up.

pytest runs in a thread of its own. Its loop over the collected tests (the hook `pytest_runtestloop`) is where we wait
for submissions: each gets one pass over the tests, with fixtures made anew and torn down at the end of the pass.
"""

from __future__ import annotations

import os
import queue
import random
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
import pytest
import torch

from autograder.errors import GraderError, UserError
from autograder.grading.leaderboard import Leaderboard
from autograder.grading.report import Outcome
from autograder.grading.secret import seed
from autograder.grading.session import Event, Session
from autograder.grading.student import Student
from autograder.grading.verdict import verdict
from autograder.lab import Lab
from labkit.i18n import Bilingual

DEFAULT_TOLERANCE = 1e-5
UNUSED_PLUGINS = (  # plugins of pytest itself, which cost a third of the time of a short test
    "cacheprovider", "terminal", "faulthandler", "logging", "warnings", "unraisableexception", "threadexception",
)  # fmt: skip


class Mark(msgspec.Struct, frozen=True):
    """What `@pytest.mark.problem` says of a test. `rests_on` quotes what students read: `build` looks for it there."""

    problem: str
    points: float
    rests_on: str | list[str]
    hint: Bilingual
    tolerance: float = DEFAULT_TOLERANCE

    def __post_init__(self) -> None:
        self.hint.in_both()


@dataclass
class TestResult:
    """One test on one submission. `trace` holds the replies the test was given."""

    name: str
    mark: Mark
    outcome: Outcome = "passed"
    message: Bilingual = field(default_factory=Bilingual)
    seconds: float = 0.0
    used: float = 0.0  # seconds of its budget; unlike `seconds` without the start of the sandbox
    trace: list[Event] = field(default_factory=list)


@dataclass
class Pass:
    """One run over the tests: the submission and what seeds and bounds it."""

    session: Session
    secret: bytes
    budgets: Callable[[str], float]  # test -> seconds
    only: Sequence[str] | None  # test names; None: all
    done: Callable[[TestResult], None]
    stop: Callable[[TestResult], bool]
    results: list[TestResult] = field(default_factory=list)


class Suite:
    """A lab's hidden tests, ready to run. Use as a context manager.

    Raises UserError when the tests cannot be collected or a mark is malformed.
    """

    def __init__(self, lab: Lab, notebook_of: dict[str, str]) -> None:
        self.lab = lab
        self.notebook_of = notebook_of  # problem -> notebook
        self.marks: dict[str, Mark] = {}
        self.leaderboard: Leaderboard | None = None
        self._passes: queue.SimpleQueue[Pass | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"pytest {lab.id}", daemon=True)

    def __enter__(self) -> Suite:
        self._thread.start()
        if error := self._answers.get():
            raise error
        return self

    def __exit__(self, *_: object) -> None:
        self._passes.put(None)
        self._thread.join()

    def run(
        self,
        session: Session,
        secret: bytes,
        budgets: Callable[[str], float],
        only: Sequence[str] | None = None,
        done: Callable[[TestResult], None] = lambda result: None,
        stop: Callable[[TestResult], bool] = lambda result: False,
    ) -> list[TestResult]:
        """Runs all tests on a submission, or those that `only` names, in its order but each problem's together.

        `done` is called with each result as it comes. After a result for which `stop` is true, no other test runs.
        """
        run = Pass(session, secret, budgets, only, done, stop)
        self._passes.put(run)
        if error := self._answers.get():
            raise error
        return run.results

    def _serve(self) -> None:
        plugin = _Loop(self)
        # For this thread only. Small tensors are slower on many threads, and bits would depend on the machine.
        torch.set_num_threads(1)
        arguments = [
            str(self.lab.hidden), "-c", os.devnull, "--rootdir", str(self.lab.hidden), "--noconftest", "--assert=plain",
            "--import-mode=importlib", "--strict-markers", "--disable-plugin-autoload", "-W", "ignore", "-s",
            *(word for name in UNUSED_PLUGINS for word in ("-p", f"no:{name}")),
        ]  # fmt: skip
        try:
            pytest.main(arguments, plugins=[plugin])
            error: Exception = plugin.error or UserError(f"{self.lab.hidden}: no hidden tests were collected")
        except Exception as caught:
            error = caught
        self._answers.put(error)


class _Over(Exception):
    """No other test runs in this pass."""


class _Loop:
    """The pytest plugin: the loop, the two fixtures, and the verdict of each test."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.error: Exception | None = None
        self.run: Pass | None = None
        self.fault: GraderError | None = None  # the sandbox's own, in this run: no verdict on the submission
        self.over = False  # the run ends early
        self.result: TestResult | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line(
            "markers", "problem(id, points, rests_on, hint, tolerance): what a hidden test is worth"
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            last = str(report.longrepr).strip().splitlines()[-1]
            self.error = UserError(f"{self.suite.lab.hidden}: the hidden tests cannot be imported: {last}")

    def pytest_collection_finish(self) -> None:
        """Forgets the modules by name: pytest would hand them to the next suite with a file of that name."""
        for name, module in list(sys.modules.items()):
            if self.suite.lab.hidden in Path(getattr(module, "__file__", None) or "/").parents:
                del sys.modules[name]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if self.error or not session.items:
            return True
        try:
            for item in session.items:
                self.suite.marks[item.name] = _mark(item, self.suite.notebook_of)
                self.suite.leaderboard = self.suite.leaderboard or _leaderboard(item, self.suite.lab)
        except UserError as error:
            self.error = error
            return True
        self.suite._answers.put(None)
        while (run := self.suite._passes.get()) is not None:
            try:
                self._run_items(run, session.items)
                self.suite._answers.put(None)
            except Exception as error:  # the grader's own fault: reported, and the next submission is graded
                self.suite._answers.put(error)
        self.suite._answers.put(None)
        return True

    def _run_items(self, run: Pass, items: Sequence[pytest.Item]) -> None:
        self.run, self.fault, self.over = run, None, False
        if run.only is not None:
            named = {item.name: item for item in items}
            items = [named[name] for name in run.only if name in named]
        items = _by_problem(items, self.suite.marks)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.over and following is not None:
                # Run it once more, with no test to follow: it is refused, and pytest tears the shared fixtures down.
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                break
        self.run = None
        if self.fault:
            raise self.fault

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Makes the sandbox ready, before any fixture of the test's own uses it."""
        assert self.run is not None
        if self.over:
            raise _Over
        mark = self.suite.marks[item.name]
        number = self._seed(item.name, "sandbox")
        random.seed(number)
        np.random.seed(number % 2**32)
        torch.default_generator.manual_seed(number)
        budget = self.run.budgets(item.name)
        self.run.session.start_test(self.suite.notebook_of[mark.problem], mark.problem, number, budget)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Records the verdict, without pytest's traceback, which costs time and would show the hidden test."""
        assert self.run is not None
        when = cast('Literal["setup", "call", "teardown"]', call.when)
        if call.excinfo and isinstance(call.excinfo.value, _Over):
            return pytest.TestReport(item.nodeid, item.location, {}, "failed", None, when)
        if call.when == "setup":
            self.result = TestResult(item.name, self.suite.marks[item.name])
        assert self.result is not None
        if call.when == "call" or (call.when == "setup" and call.excinfo):
            if call.excinfo:
                if isinstance(call.excinfo.value, GraderError):
                    self.fault = call.excinfo.value
                self.result.outcome, self.result.message = verdict(call.excinfo.value)
            self.result.trace, self.result.used = self.run.session.trace, self.run.session.used
            self.run.results.append(self.result)
            self.run.done(self.result)
            self.over = self.fault is not None or self.run.stop(self.result)
        self.result.seconds += call.duration
        outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, when)

    def _seed(self, test: str, purpose: str) -> int:
        assert self.run is not None
        return seed(self.run.secret, self.suite.lab.id, test, purpose)

    @pytest.fixture
    def student(self) -> Student:
        assert self.run is not None
        return Student(self.run.session)

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        return np.random.default_rng(self._seed(request.node.name, "rng"))


def _by_problem(items: Sequence[pytest.Item], marks: dict[str, Mark]) -> list[pytest.Item]:
    """The tests grouped by problem; the problems come in the order of their first tests."""
    order = list(dict.fromkeys(marks[item.name].problem for item in items))
    return sorted(items, key=lambda item: order.index(marks[item.name].problem))


def _mark(item: pytest.Item, notebook_of: dict[str, str]) -> Mark:
    marker = item.get_closest_marker("problem")
    if marker is None or len(marker.args) != 1:
        raise UserError(f"{item.name}: mark it with @pytest.mark.problem(id, points=..., rests_on=..., hint={{...}})")
    if item.name != getattr(item, "originalname", item.name):
        raise UserError(f"{item.name}: a hidden test cannot be parametrised; loop inside it")
    try:
        mark = msgspec.convert({"problem": marker.args[0], **marker.kwargs}, Mark)
    except msgspec.ValidationError as error:
        raise UserError(f"{item.name}: malformed @pytest.mark.problem: {error}") from None
    if mark.problem not in notebook_of:
        raise UserError(f"{item.name}: no notebook has a check cell {mark.problem!r}")
    return mark


def _leaderboard(item: pytest.Item, lab: Lab) -> Leaderboard | None:
    """The LEADERBOARD of the module that a test is in, if it has one."""
    board = getattr(getattr(item, "module", None), "LEADERBOARD", None)
    if board is not None and (not isinstance(board, Leaderboard) or board.notebook not in lab.notebooks):
        raise UserError(f"{item.path}: LEADERBOARD should be a Leaderboard for one of {', '.join(lab.notebooks)}")
    return board
