"""The four ways to grade the twelve submissions. Each is a command in a process of its own, timed from outside.

A way is a function `(workspace, report) -> Run`; it calls `report(submission)` when one is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import plain_tests
import submissions
from nbgrader.api import Gradebook

BENCH = Path(__file__).resolve().parent
OTTER_VENV = BENCH / ".venv-otter"
OTTER_LOCK = BENCH / "otter.txt"
TORCH_LOCK = BENCH.parent / "requirements" / "torch.txt"
TORCH_INDEX = os.environ.get("TORCH_INDEX_URL", "https://download.pytorch.org/whl/cpu")

Scores = dict[str, dict[str, float]]  # submission -> test -> points


class Unavailable(Exception):
    """A peer cannot take part; the message says why."""


@dataclass
class Run:
    """One pass over the submissions: seconds for each, and for all with the start of the grader."""

    seconds: dict[str, float] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    batch: float = 0.0


Report = Callable[[str], None]


# ---- ours, and the lower bound -------------------------------------------------------------------------


def ours(workspace: Path, report: Report) -> Run:
    """Our grader: a fresh process, no traces kept from before; the seconds are those of a second, warm pass."""
    folder = workspace / "ours"
    release = submissions.our_release()
    for name in submissions.NAMES:
        submissions.write(submissions.fill(release, name), folder / f"{name}.ipynb")
    shutil.copytree(submissions.LAB, folder / "lab", ignore=shutil.ignore_patterns(".traces"))
    return _two_passes([sys.executable, str(BENCH / "ours.py"), str(folder)], report)


def lower_bound(workspace: Path, report: Report) -> Run:
    """The tests called in the process that has the student's code: no isolation, no limits, nothing to install."""
    folder = workspace / "lower-bound"
    release = submissions.our_release()
    for name in submissions.NAMES:
        submissions.write(submissions.fill(release, name), folder / f"{name}.ipynb")
    return _two_passes([sys.executable, str(BENCH / "lower_bound.py"), str(folder)], report)


def _two_passes(command: list[str], report: Report) -> Run:
    """Runs a script that prints a JSON line per submission, over all of them twice."""
    run = Run()
    started = time.perf_counter()
    for line in _lines(command, stream="stdout"):
        result = json.loads(line)
        name = result["submission"]
        run.seconds[name] = result["seconds"]  # of the second pass, in the end
        if run.scores.setdefault(name, result["scores"]) != result["scores"]:
            raise RuntimeError(f"{command[1]} gave {name} two different scores")
        if not run.batch and len(run.seconds) == len(submissions.NAMES):
            run.batch = time.perf_counter() - started
        report(name)
    return run


# ---- nbgrader ------------------------------------------------------------------------------------------


def nbgrader(workspace: Path, report: Report) -> Run:
    """`nbgrader autograde`, all in one call; a submission's seconds are told by its log."""
    course = workspace / "nbgrader"
    environment = _quiet_jupyter(workspace)
    submissions.write(submissions.nbgrader_source(), course / "source" / "mini" / "mini.ipynb")
    command = [sys.executable, "-m", "nbgrader"]
    _call([*command, "generate_assignment", "mini"], course, environment)
    release = submissions.nbformat.read(course / "release" / "mini" / "mini.ipynb", as_version=4)
    for name in submissions.NAMES:
        submissions.write(submissions.fill(release, name), course / "submitted" / name / "mini" / "mini.ipynb")

    run = Run()
    started = time.perf_counter()
    began, name = started, ""
    for line in _lines([*command, "autograde", "mini"], course, environment, stream="stderr"):
        if "Creating/updating student with ID" in line:
            began, name = time.perf_counter(), line.split("'")[1]
        elif "Setting destination file permissions" in line:
            run.seconds[name] = time.perf_counter() - began
            report(name)
    run.batch = time.perf_counter() - started
    run.scores = _gradebook_scores(course)
    return run


def _gradebook_scores(course: Path) -> Scores:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            name: {
                grade.name: float(grade.auto_score)
                for grade in gradebook.find_submission_notebook("mini", "mini", name).grades
            }
            for name in submissions.NAMES
        }


# ---- otter ---------------------------------------------------------------------------------------------


def otter(workspace: Path, report: Report) -> Run:
    """`otter run`, which grades one submission per call."""
    folder = workspace / "otter"
    environment = _quiet_jupyter(workspace)
    command = str(install_otter() / "otter")
    (folder / "tests").mkdir(parents=True)
    for name, text in submissions.otter_tests().items():
        (folder / "tests" / name).write_text(text)
    _call([command, "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment"], folder, environment)
    release = submissions.otter_release()

    run = Run()
    for name in submissions.NAMES:
        submissions.write(submissions.fill(release, name), folder / name / "mini.ipynb")
        call = [command, "run", "-a", "autograder.zip", "-o", name, "--no-logo", f"{name}/mini.ipynb"]
        started = time.perf_counter()
        _call(call, folder, environment)
        run.seconds[name] = time.perf_counter() - started
        results = json.loads((folder / name / "results.json").read_text())["tests"]
        points = {result["name"].split()[0]: result.get("score", 0.0) for result in results}
        run.scores[name] = {test: points[test] for test in plain_tests.TESTS}
        report(name)
    run.batch = sum(run.seconds.values())
    return run


def install_otter() -> Path:
    """otter in a virtual environment of its own, made once; its folder of commands. Raises Unavailable."""
    commands = OTTER_VENV / "bin"
    stamp = OTTER_VENV / "lock.sha256"
    wanted = hashlib.sha256(OTTER_LOCK.read_bytes() + TORCH_LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return commands
    venv.create(OTTER_VENV, with_pip=True, clear=True)
    pip = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The CPU build of torch where its index answers, as requirements/setup_env.py does it.
    torch = next(line.split()[0] for line in TORCH_LOCK.read_text().splitlines() if line.startswith("torch=="))
    index = ["--index-url", TORCH_INDEX, "--retries", "0", "--timeout", "5"]
    subprocess.run([*pip, "--no-deps", *index, torch], stderr=subprocess.DEVNULL)
    installed = subprocess.run([*pip, torch, "-r", str(OTTER_LOCK)], stderr=subprocess.PIPE, text=True)
    if installed.returncode:
        errors = [line for line in installed.stderr.splitlines() if line.startswith("ERROR")]
        raise Unavailable(f"otter-grader could not be installed ({(errors or ['pip failed'])[-1]})")
    stamp.write_text(wanted)
    return commands


# ---- processes -----------------------------------------------------------------------------------------


def _quiet_jupyter(workspace: Path) -> dict[str, str]:
    """An environment without the user's own Jupyter and IPython settings, which could slow a peer down."""
    settings = {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"}
    # nbgrader looks for alembic on the PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {name: str(workspace / name.lower()) for name in settings}
    return {**os.environ, **own, "PATH": path, "JUPYTER_PLATFORM_DIRS": "1"}


def _call(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    for _ in _lines(command, folder, environment, stream="stderr"):
        pass


def _lines(
    command: list[str], folder: Path | None = None, environment: Mapping[str, str] | None = None, *, stream: str
) -> Iterator[str]:
    """The lines that a command writes to one of its streams, as they come. Raises RuntimeError when it fails."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": None, stream: subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **streams)
    last = ""
    for line in getattr(process, stream):
        last = line.strip() or last
        yield line
    if process.wait():
        raise RuntimeError(f"`{' '.join(command)}` failed: {last}")


GRADERS: dict[str, Callable[[Path, Report], Run]] = {
    "lower bound": lower_bound, "ours": ours, "nbgrader": nbgrader, "otter": otter
}  # fmt: skip
