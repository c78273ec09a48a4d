"""The grader's image: it grades every lab, and its sandbox holds, without a privilege and without a network."""

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.lab import Lab
from tests import rotation

ROOT = Path(__file__).resolve().parents[3]
GRADER = "llm101/grader:cpu"
LOCKED_UP = ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
# docs/architecture.md, "The grader in a container"
NAMESPACES = [f"--security-opt=seccomp={ROOT}/images/grader/seccomp.json", "--security-opt=systempaths=unconfined"]
WRITABLE = ["--tmpfs=/tmp:mode=1777", "--tmpfs=/home/grader:mode=1777"]


@pytest.fixture(params=rotation.labs(), ids=lambda lab: lab.id)
def lab(request) -> Lab:
    return request.param


@pytest.fixture
def grade(images, lab, tmp_path):
    """grade(make): `autograder grade` of the notebooks that `make` (reference, release) gives."""
    tmp_path.chmod(0o755)
    solutions = tmp_path / "solutions"
    shutil.copytree(lab.folder, solutions / lab.id, ignore=shutil.ignore_patterns(".traces", "__pycache__"))
    (solutions / ".secret").write_bytes(b"a secret for this test, 32 bytes")
    (solutions / lab.id / ".traces").mkdir()
    (solutions / lab.id / ".traces").chmod(0o777)
    submission = tmp_path / "submission"
    submission.mkdir()

    def run(make, options=NAMESPACES):
        for name in lab.notebooks:
            nbformat.write(make(lab, name), submission / f"{name}.ipynb")
        mounts = [f"--volume={solutions}:/grader/solutions", f"--volume={submission}:/submission:ro"]
        return docker_run([*options, *mounts], "grade", lab.lesson, "/submission", "--json")

    return run


def docker_run(options, *arguments):
    """By the command, as a teacher would: the SDK has no word for systempaths=unconfined."""
    name = f"llm101-test-{uuid.uuid4().hex}"
    command = ["docker", "run", "--rm", f"--name={name}", *LOCKED_UP, *WRITABLE, *options, GRADER, *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired as late:
        subprocess.run(["docker", "kill", name], capture_output=True)
        pytest.fail(f"no end after {late.timeout:.0f} s: {(late.stdout or b'').decode()[-1000:]}")


def test_the_reference_has_full_marks(grade, lab):
    done = grade(source.reference)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["score"], report["max_score"], report["sandbox"]) == (100, 100, "bubblewrap")


def test_the_starter_has_none(grade):
    done = grade(source.release)
    assert (done.returncode, json.loads(done.stdout)["score"]) == (0, 0)


def test_without_the_profile_it_refuses_and_says_where_to_look(grade):
    done = grade(source.release, options=[])
    assert done.returncode == 3
    assert "docs/architecture.md" in done.stderr


def test_it_is_neither_root_nor_the_student(images):
    assert docker_run(["--entrypoint=id"], "-u").stdout.strip() == "1001"


@pytest.mark.parametrize("tool", ["docker", "gcc", "make"])
def test_it_has_no_tool_to_break_out_with(images, tool):
    assert docker_run(["--entrypoint=bash"], "-c", f"command -v {tool} || echo none").stdout.strip() == "none"


def test_attacks_are_held_inside_it_too(images):
    """The adversarial suite one level further in: what another machine may change, or the whole where all is wanted."""
    chosen = "not slow" if rotation.ALL in os.environ else "not slow and (isolation or limits)"
    mounts = [f"--volume={ROOT / part}:/grader/{part}:ro" for part in ("tests", "pyproject.toml")]
    inside = [*NAMESPACES, *mounts, "--workdir=/grader", "--entrypoint=python"]
    pytest_call = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "-m", chosen, "tests/adversarial"]
    done = docker_run(inside, *pytest_call)
    assert done.returncode == 0, done.stdout[-3000:]
