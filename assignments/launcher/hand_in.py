"""Grading a saved submission on this machine: in the grader's container, or by the autograder of this Python.

The container is handed copies, in a folder that only its owner can enter: the grader in it is another user, and
what lies in `solutions/` may be closed to others. The secret is the checkout's, so both ways give the same score.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from labkit import registry
from labkit.i18n import Bilingual, Lang
from launcher.engine import Engine
from launcher.workspace import HandIn, LabError, Release, Workspace

GRADER = "1001:1001"  # the user of the grader's image
PROCESSES = 512


def sources(workspace: Workspace) -> Path:
    """The folder of the labs' sources, the hidden suites among them; students' copies of the course have none."""
    return Path(os.environ.get("LLM101_SOLUTIONS") or workspace.root / "solutions").expanduser()


def here(lab: Release, submission: HandIn, lang: Lang) -> "subprocess.CompletedProcess[bytes]":
    """Grade by the autograder that is installed beside this Python; its JSON is on standard output."""
    grader = Path(sys.executable).with_name("autograder")
    return subprocess.run([grader, *_call(lab, str(submission.folder), lang)], stdout=subprocess.PIPE)


def in_container(
    workspace: Workspace, lab: Release, submission: HandIn, engine: Engine, lang: Lang
) -> "subprocess.CompletedProcess[bytes]":
    """Grade in a container of its own, without network, capabilities or the engine's socket.

    Raises:
        NoContainers: the grader's image is not here and cannot be made.
        LabError: it could not be pulled or built.
    """
    image = f"{registry.prefix()}llm101/grader:cpu"
    engine.ensure_image(image, workspace.root)
    status = Bilingual("Grading in a container", "正在容器中评分").text(lang)
    with _handed_over(sources(workspace), lab, submission) as mounts, Console(stderr=True).status(status):
        return subprocess.run(
            [
                *("docker", "run", "--rm", "--pull=never", "--network=none", "--read-only", f"--user={GRADER}"),
                *("--cap-drop=ALL", "--security-opt=no-new-privileges", "--security-opt=systempaths=unconfined"),
                f"--security-opt=seccomp={seccomp_profile(workspace)}",
                *(f"--pids-limit={PROCESSES}", "--tmpfs=/tmp:mode=1777", "--tmpfs=/home/grader:mode=1777"),
                *(f"--volume={mount}" for mount in mounts),
                *(image, *_call(lab, "/submission", lang)),
            ],
            stdout=subprocess.PIPE,
        )


def seccomp_profile(workspace: Workspace) -> Path:
    """Docker's default profile, which here also allows the namespaces that the sandbox is made of."""
    return workspace.root / "images" / "grader" / "seccomp.json"


def _call(lab: Release, submission: str, lang: Lang) -> list[str]:
    return ["grade", lab.lesson.number, submission, "--lang", lang, "--json"]


@contextmanager
def _handed_over(solutions: Path, lab: Release, submission: HandIn) -> Iterator[list[str]]:
    """The mounts of one grading. The traces are kept for the next one; everything else is a copy, and is removed."""
    closed = solutions / ".traces"
    closed.mkdir(mode=0o700, exist_ok=True)
    traces = closed / lab.name
    traces.mkdir(exist_ok=True)
    traces.chmod(0o777)  # the folder above is closed
    with tempfile.TemporaryDirectory(prefix="grading-", dir=closed) as folder:
        copies = Path(folder)
        copied = shutil.copytree(solutions / lab.name, copies / "solutions" / lab.name, ignore=_left_behind)
        (copied / ".traces").mkdir()
        shutil.copy(_secret(solutions), copies / "solutions")
        shutil.copytree(submission.folder, copies / "submission")
        for path in copies.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield [
            f"{copies}/solutions:/grader/solutions:ro",
            f"{traces}:/grader/solutions/{lab.name}/.traces",
            f"{copies}/submission:/submission:ro",
        ]


def _secret(solutions: Path) -> Path:
    """The file with the checkout's secret. The teacher's package makes it: students' copies of the course lack both."""
    command = [sys.executable, "-m", "autograder.grading.secret", str(solutions)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise LabError(Bilingual(made.stderr.strip(), f"评分密钥有问题：{made.stderr.strip()}"))
    return solutions / ".secret"


_left_behind = shutil.ignore_patterns(".traces", "__pycache__", ".ipynb_checkpoints")
