"""The grader's image: it grades every lab, and its sandbox holds, without a privilege and without a network."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.lab import Lab

ROOT = Path(__file__).resolve().parents[3]
GRADER = "llm101/grader:cpu"
PROFILE = (ROOT / "images" / "grader" / "seccomp.json").read_text()
NAMESPACES = ["no-new-privileges", f"seccomp={PROFILE}", "systempaths=unconfined"]
# What README and docs/architecture.md say it is to be started with.
LOCKED_UP = {"security_opt": NAMESPACES, "tmpfs": {"/tmp": "mode=1777", "/home/grader": "mode=1777"}}


@pytest.fixture(params=Lab.all(), ids=lambda lab: lab.id)
def lab(request) -> Lab:
    return request.param


@pytest.fixture
def grade(start, lab, tmp_path):
    """grade(make): the exit status and the report on the notebooks that `make` (reference, release) gives."""
    tmp_path.chmod(0o755)
    solutions = tmp_path / "solutions"
    shutil.copytree(lab.folder, solutions / lab.id, ignore=shutil.ignore_patterns(".traces", "__pycache__"))
    (solutions / ".secret").write_bytes(b"a secret for this test, 32 bytes")
    (solutions / lab.id / ".traces").mkdir()
    (solutions / lab.id / ".traces").chmod(0o777)
    submission = tmp_path / "submission"
    submission.mkdir()

    def run(make, **options):
        for name in lab.notebooks:
            nbformat.write(make(lab, name), submission / f"{name}.ipynb")
        mounts = {
            str(solutions): {"bind": "/grader/solutions", "mode": "rw"},
            str(submission): {"bind": "/submission", "mode": "ro"},
        }
        command = ["grade", lab.lesson, "/submission", "--json"]
        container = start(GRADER, command, volumes=mounts, **{**LOCKED_UP, **options})
        status = container.wait(timeout=600)["StatusCode"]
        return status, container.logs(stderr=status != 0).decode()

    return run


def test_the_reference_has_full_marks(grade, lab):
    status, told = grade(source.reference)
    assert status == 0, told
    report = json.loads(told)
    assert (report["score"], report["max_score"], report["sandbox"]) == (100, 100, "bubblewrap")


def test_the_starter_has_none(grade):
    status, told = grade(source.release)
    assert (status, json.loads(told)["score"]) == (0, 0)


def test_without_the_profile_it_refuses_and_says_where_to_look(grade):
    status, told = grade(source.release, security_opt=["no-new-privileges"])
    assert status == 3
    assert "docs/architecture.md" in told


def test_it_is_neither_root_nor_the_student(output):
    assert output(GRADER, ["-u"], entrypoint="id").strip() == "1001"


@pytest.mark.parametrize("tool", ["docker", "gcc", "make"])
def test_it_has_no_tool_to_break_out_with(output, tool):
    found = output(GRADER, ["-c", f"command -v {tool} || echo none"], entrypoint="bash")
    assert found.strip() == "none"


def test_every_attack_is_held_inside_it_too(output):
    """The whole adversarial suite, one level further in."""
    mounts = {str(ROOT / part): {"bind": f"/grader/{part}", "mode": "ro"} for part in ("tests", "pyproject.toml")}
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/adversarial"]
    told = output(GRADER, command, entrypoint="python", working_dir="/grader", volumes=mounts, **LOCKED_UP)
    assert " passed" in told
    assert "failed" not in told
