"""Hostile submissions of the small lab `tests/labs/lab-90-mini`, and what must hold after every one of them.

They hold for every sandbox: LLM101_SANDBOX names the one they run in (`docker`), as it does for `autograder grade`.

The tests use two fixtures. `arena` grades hostile notebooks the way `autograder grade` does, and after each test the
same grader must give an honest notebook full marks. `probe` runs a function in the sandbox and hands back what it saw.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest

from autograder import source
from autograder.grading.grader import Grader
from autograder.grading.intake import SubmittedCell
from autograder.grading.report import Report
from autograder.grading.session import Session
from autograder.lab import Lab
from autograder.sandbox import choose
from autograder.sandbox.bubblewrap import Bubblewrap
from autograder.sandbox.docker import Docker

SECRET = b"the cohort's own secret, 32 long"
MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
FLOOR, TOTAL = 1.0, 6.0  # seconds for a call, for a submission
SANDBOX = os.environ.get(choose.VARIABLE, choose.DEFAULT)
SLACK = 90.0  # seconds that a busy machine may take on top; after each death docker imports torch anew

# Does not use the student's softmax, so that what befalls that one befalls that one only.
ATTENTION = (MINI / "variants" / "einsum.py").read_text(encoding="utf-8")
SOFTMAX = """
def softmax(x, dim):
    attack(x)
    return torch.softmax(x, dim)
"""


class Arena:
    """Grades hostile notebooks of the small lab."""

    def __init__(self, grader: Grader, folder: Path) -> None:
        self.grader, self.folder, self.tools = grader, folder, TOOLS

    def notebook(self, solved: bool, cells: Mapping[str, str]) -> nbformat.NotebookNode:
        """The reference (`solved`) or the starter, with `cells` (grade id -> source) in place of its own."""
        make = source.reference if solved else source.release
        node = make(self.grader.lab, "mini")
        for cell in node.cells:
            cell.source = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        return node

    def grade(self, node: nbformat.NotebookNode) -> Report:
        """The report on a notebook; made in a bounded time and without secrets."""
        path = self.folder / "mini.ipynb"
        nbformat.write(node, path)
        started = time.monotonic()
        report = self.grader.grade(path)
        assert time.monotonic() - started < TOTAL + SLACK
        assert_tells_no_secrets(report, self.grader)
        return report

    def cheat(self, at_load: str) -> Report:
        """Grades a starter with an attack at the top of a solution cell. It must not get a point."""
        starter = self.notebook(solved=False, cells={})
        cells = {
            cell.metadata.nbgrader.grade_id: cell.source
            for cell in starter.cells
            if cell.metadata.get("nbgrader", {}).get("solution")
        }
        hostile = f"{TOOLS}\n{at_load}\n\n{cells['softmax-solution']}"
        report = self.grade(self.notebook(solved=False, cells={"softmax-solution": hostile}))
        assert report.score == 0, report
        return report

    def disrupt(self, in_call: str = "", at_load: str = "", softmax: str = SOFTMAX) -> Report:
        """Grades a solved notebook whose softmax is hostile: each of its calls does `in_call` first.

        Whatever that does, it must not cost the other problems anything.
        """
        body = "\n".join(f"    {line}" for line in (in_call or "pass").strip("\n").splitlines())
        hostile = f"{TOOLS}\n{at_load}\ndef attack(x):\n{body}\n{softmax}"
        report = self.grade(
            self.notebook(solved=True, cells={"softmax-solution": hostile, "attention-solution": ATTENTION})
        )
        scores = {problem.id: problem.score for problem in report.problems}
        assert scores["attention"] == scores["rms-norm"] == 6, report
        return report

    @staticmethod
    def outcomes(report: Report, problem: str = "softmax") -> set[str]:
        """The outcomes of a problem's tests."""
        return {test.outcome for known in report.problems if known.id == problem for test in known.tests}


# What an attacker would write first: the channel, and the number of the question that is being answered.
TOOLS = """
import ctypes, gc, os, resource, signal, socket, struct, subprocess, sys, threading, time
import msgspec, numpy, torch
from pathlib import Path
from worker import child, objects, wire

def request_id():
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, wire.Request):
                return value.id
        frame = frame.f_back

def send(data, descriptor=3):
    data = memoryview(data)
    while data:
        data = data[os.write(descriptor, data):]

def frame(body, blob=b""):
    return struct.pack("<II", len(body), len(blob)) + body + blob

def forge(blob=b"", **fields):
    send(frame(msgspec.msgpack.encode(fields), blob))

def reply(value, blob=b""):
    forge(blob, id=request_id(), value=value)

def strangers():
    others, pid = {name for name in os.listdir("/proc") if name.isdigit()}, os.getpid()
    while pid:  # ourselves, and those we come from: the keeper, in a container pid 1 before it
        others.remove(str(pid))
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return others
"""


def assert_tells_no_secrets(report: Report, grader: Grader) -> None:
    """No line of the hidden suite, of a misconception or of the reference, no path and no key; and not too long."""
    text = report.to_json().decode()
    hidden = [*grader.lab.hidden.glob("*.py"), *grader.lab.misconceptions.values()]
    hidden.append(source.source_path(grader.lab, "mini"))
    lines = {line.strip() for path in hidden for line in path.read_text(encoding="utf-8").splitlines()}
    told = ("@pytest", "def ", "class ", "HINT", "#")  # names and hints are for students
    code = {line for line in lines if len(line) > 20 and not line.startswith(told)}
    own = {"return shifted / shifted.sum(dim, keepdim=True)"}  # the solved notebooks' own text
    assert not [line for line in code - own if msgspec.json.encode(line).decode()[1:-1] in text]
    assert not [name for name in (str(grader.lab.folder), "hidden/", SECRET.decode(), SECRET.hex()) if name in text]
    assert len(text) < 30_000


@pytest.fixture(autouse=True)
def _two_pytests() -> Iterator[None]:
    """pytest keeps the current test in the environment and wants it back; the grader's own pytest takes it away."""
    yield
    os.environ.setdefault("PYTEST_CURRENT_TEST", "")


@pytest.fixture(scope="session")
def grader() -> Iterator[Grader]:
    lab = Lab.load(MINI)
    lab.limits = msgspec.structs.replace(lab.limits, seconds_floor=FLOOR, seconds_total=TOTAL)
    with Grader(lab, SECRET, SANDBOX) as grader:
        yield grader


@pytest.fixture
def bubblewrap(grader: Grader) -> Bubblewrap:
    """The sandbox, for tests that look at bubblewrap's own processes; tests/containers looks at docker's."""
    if not isinstance(grader.sandbox, Bubblewrap):
        pytest.skip("looks at bubblewrap's own processes")
    return grader.sandbox


@pytest.fixture
def settle(grader: Grader) -> Callable[[], None]:
    """Waits until docker has made its spares and buried its dead, and the pumps know it; bubblewrap does so at once."""

    def settle() -> None:
        if not isinstance(grader.sandbox, Docker):
            return
        wait([*grader.sandbox._spares, *grader.sandbox._dying])
        before = None
        while before != (now := (len(os.listdir("/proc/self/fd")), threading.active_count())):
            before = now
            time.sleep(0.3)

    return settle


@pytest.fixture(scope="session")
def honest(grader: Grader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest notebook."""
    path = tmp_path_factory.mktemp("honest") / "mini.ipynb"
    nbformat.write(source.reference(grader.lab, "mini"), path)
    assert grader.grade(path).score == 16
    return path


@pytest.fixture
def arena(grader: Grader, honest: Path, tmp_path: Path) -> Iterator[Arena]:
    yield Arena(grader, tmp_path)
    report = grader.grade(honest)
    assert report.score == 16, report


@pytest.fixture(scope="session")
def probe(grader: Grader) -> Callable[..., Any]:
    """probe(body, *args): what a function of that body (its arguments: `args`) returns in the sandbox."""

    def run(body: str, *args: Any, seconds: float = 10.0) -> Any:
        indented = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
        cell = SubmittedCell(f"{TOOLS}\ndef probe(*args):\n{indented}\n", "softmax-solution", True, 1)
        session = Session(grader.sandbox, {"mini": grader.program("mini", [cell])}, seconds, 60.0)
        session.start_test("mini", "softmax", 1, seconds)
        try:
            return session.request("call", "probe", [*args], {})
        finally:
            session.close()

    return run
