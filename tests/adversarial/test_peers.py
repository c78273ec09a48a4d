"""Every cheat that fooled, or stopped, nbgrader or otter-grader when we measured them, on a starter of our labs.

The attacks are text that is put at the top of the first solution cell, or a change of the notebook; they know no lab.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import nbformat
import pytest

from autograder import source
from autograder.grading.grader import Grader
from autograder.lab import Lab
from autograder.sandbox import choose
from tests import rotation

LABS = [
    Path(__file__).parent.parent / "labs" / "lab-90-mini",
    *(pytest.param(lab.folder, marks=pytest.mark.slow) for lab in rotation.labs()),
]

AT_LOAD = {
    "patches the comparisons": """
import numpy, torch
torch.allclose = torch.equal = torch.isclose = lambda *args, **options: True
numpy.testing.assert_allclose = numpy.testing.assert_array_equal = numpy.allclose = lambda *args, **options: True
""",
    "exits": "import os\nos._exit(0)",
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "reads frames, history and files": """
import sys
from pathlib import Path
found = [name for name in globals() if name in ("In", "Out", "_ih")]
frame = sys._getframe()
while frame:
    found += [name for name in frame.f_locals if "test" in name or "hidden" in name]
    frame = frame.f_back
found += [str(path) for place in (".", "..", "/home", "/tmp") for path in Path(place).rglob("test_*")]
assert not found, found
""",
    "loops": "while True: pass",
    "loops and swallows interrupts": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "takes all memory": "hoard = []\nwhile True: hoard.append(bytearray(1 << 26))",
    "starts 200 processes": """
import os, time
try:
    for _ in range(200):
        if os.fork() == 0: time.sleep(100)
except OSError:
    pass
""",
    "writes results on disk": """
import json, os, pickle
class Score:
    def __reduce__(self): return exec, ("raise SystemExit",)
for name in ("results.json", "/tmp/results.json", "../gradebook.db", "results.pkl", "/autograder/results/results.json"):
    try:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(pickle.dumps(Score()) if name.endswith("pkl") else json.dumps({"score": 100}).encode())
    except OSError:
        pass
""",
    "connects to the host": """
import socket
for port in (22, 80, 443, 5432, 8000, 8888):
    with socket.socket() as sock:
        sock.settimeout(0.2)
        assert sock.connect_ex(("127.0.0.1", port)) != 0
""",
    "patches later, in a thread": """
import threading, torch
threading.Timer(0.2, lambda: setattr(torch, "allclose", lambda *args, **options: True)).start()
""",
    "prints 100 MB": "for _ in range(100): print('x' * (1 << 20))",
    "shows 2": "import sys\nsys.displayhook(2)",
    "transforms the input": """
shell = get_ipython()
for name in ("input_transformers_cleanup", "input_transformers_post"):
    getattr(shell, name, []).append(lambda lines: ["print('passed')"])
""",
    "patches doctest": "import doctest\ndoctest.DocTestRunner.run = lambda *args, **options: doctest.TestResults(0, 8)",
    "agrees with everything": """
import builtins, torch
class Yes(torch.Tensor):
    __eq__ = __ge__ = __le__ = __bool__ = lambda *args: True
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
NotImplementedError = type("Raised", (), {})
builtins.NotImplementedError = Yes
""",
}


def without_checks(node: nbformat.NotebookNode) -> None:
    node.cells = [cell for cell in node.cells if not cell.metadata.get("nbgrader", {}).get("grade")]


def with_a_million_points(node: nbformat.NotebookNode) -> None:
    for cell in node.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader.points = 1_000_000


def with_other_ids(node: nbformat.NotebookNode) -> None:
    for cell in node.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = "free-points"


@pytest.fixture(scope="module", params=LABS, ids=lambda path: path.name)
def lab_grader(request) -> Iterator[Grader]:
    lab = Lab.load(request.param)
    lab.limits = msgspec.structs.replace(lab.limits, seconds_floor=2.0, seconds_total=60.0)
    with Grader(lab, b"a secret for the peers' cheats...", os.environ.get(choose.VARIABLE, choose.DEFAULT)) as grader:
        grader.misconceptions = {}  # no attack is one, and to know their replies each would be run first
        yield grader


def starter(grader: Grader) -> dict[str, nbformat.NotebookNode]:
    return {name: source.release(grader.lab, name) for name in grader.lab.notebooks}


def grade(grader: Grader, notebooks: dict[str, nbformat.NotebookNode], folder: Path):
    for name, node in notebooks.items():
        nbformat.write(node, folder / f"{name}.ipynb")
    started = time.monotonic()
    report = grader.grade(folder)
    assert time.monotonic() - started < 180
    assert report.submission.status == "ok"
    return report


@pytest.mark.parametrize("attack", AT_LOAD)
def test_a_peer_s_cheat_in_a_cell_scores_nothing(lab_grader, tmp_path, monkeypatch, attack):
    limits = msgspec.structs.replace(lab_grader.lab.limits, seconds_total=15.0)  # one that loops uses them up
    monkeypatch.setattr(lab_grader.lab, "limits", limits)
    notebooks = starter(lab_grader)
    for node in notebooks.values():
        first = next(cell for cell in node.cells if cell.metadata.get("nbgrader", {}).get("solution"))
        first.source = f"{AT_LOAD[attack]}\n{first.source}"
    assert grade(lab_grader, notebooks, tmp_path).score == 0


@pytest.mark.parametrize("tamper", [without_checks, with_a_million_points, with_other_ids])
def test_a_peer_s_cheat_in_the_notebook_scores_nothing(lab_grader, tmp_path, tamper):
    notebooks = starter(lab_grader)
    for node in notebooks.values():
        tamper(node)
    report = grade(lab_grader, notebooks, tmp_path)
    assert report.score == 0
    assert report.max_score == sum(mark.points for mark in lab_grader.suite.marks.values())


def test_another_student_s_notebook_is_not_reached_by_a_link(lab_grader, tmp_path):
    notebooks = {name: source.reference(lab_grader.lab, name) for name in lab_grader.lab.notebooks}
    (tmp_path / "other").mkdir()
    (tmp_path / "mine").mkdir()
    for name, node in notebooks.items():
        nbformat.write(node, tmp_path / "other" / f"{name}.ipynb")
        os.symlink(tmp_path / "other" / f"{name}.ipynb", tmp_path / "mine" / f"{name}.ipynb")
    report = lab_grader.grade(tmp_path / "mine")
    assert (report.submission.status, report.score) == ("unreadable", 0)


def test_after_all_of_them_the_reference_has_full_marks(lab_grader, tmp_path):
    notebooks = {name: source.reference(lab_grader.lab, name) for name in lab_grader.lab.notebooks}
    report = grade(lab_grader, notebooks, tmp_path)
    assert report.score == report.max_score, report
