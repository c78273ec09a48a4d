"""nbgrader's own commands in the folder of a cohort."""

import os
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.gradebook import release as releasing
from autograder.gradebook import scoring
from autograder.gradebook.cohort import Cohort

BIN = Path(sys.executable).parent


@pytest.fixture
def nbgrader(released, tmp_path):
    """Runs an nbgrader command in the cohort's folder; returns what it prints."""

    def run(*arguments):
        environment = os.environ | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        }
        command = [sys.executable, "-m", "nbgrader", *arguments]
        result = subprocess.run(
            command,
            cwd=released.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    return run


@pytest.fixture
def graded(released, lab, grader, hand_in):
    hand_in("ann")
    releasing.collect(released, lab)
    scoring.grade_student(released, lab, "ann", grader)
    return released


def test_list_shows_the_released_lab(nbgrader, lab):
    assert lab.id in nbgrader("list")


def test_db_shows_the_roster(nbgrader):
    assert "ann" in nbgrader("db", "student", "list")


def test_export_writes_our_columns(nbgrader, graded):
    nbgrader("export")
    text = (graded.folder / "grades.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].endswith("score,max_score,lab-99-double/double,lab-99-double/triple")
    assert "20.0,40.0" in text


def test_collect_is_ours(nbgrader, released, lab, hand_in):
    folder = hand_in("ann")
    (folder / "passwd").symlink_to("/etc/passwd")
    nbgrader("collect", lab.id)
    assert not (released.path("submitted", "ann", lab.id) / "passwd").exists()


def test_autograde_takes_the_kept_report_and_no_prose_of_the_student(nbgrader, released, lab, grader, hand_in):
    notebook = source.release(lab, "double")
    notebook.cells.append(nbformat.v4.new_markdown_cell("<script>alert(1)</script>"))
    hand_in("ann", notebook=nbformat.writes(notebook).encode())
    releasing.collect(released, lab)
    scoring.grade_student(released, lab, "ann", grader)
    nbgrader("autograde", lab.id, "--force")
    with released.gradebook() as gradebook:
        assert gradebook.find_submission(lab.id, "ann").score == 60
    shown = (released.path("autograded", "ann", lab.id) / "double.ipynb").read_text(encoding="utf-8")
    assert "double: 20 / 60" in shown
    assert '<script>alert(1)</script>"' not in shown


def test_generate_feedback_runs_nothing_that_a_student_wrote(nbgrader, graded, lab):
    nbgrader("generate_feedback", lab.id)
    html = (graded.path("feedback", "ann", lab.id) / "double.html").read_text(encoding="utf-8")
    assert "Look at the sign." in html
    assert "<script>alert(1)</script>" not in html
    assert "<img src=x" not in html


def test_the_button_in_formgrader_grades_what_is_not_graded_yet(released, lab, hand_in, grader, monkeypatch):
    class OpenedDouble:
        def __init__(self, lab, secret, sandbox):
            assert (secret, sandbox) == (released.secret, "bubblewrap")

        def __enter__(self):
            return grader

        def __exit__(self, *_):
            pass

    monkeypatch.setitem(sys.modules, "autograder.grading.grader", types.SimpleNamespace(Grader=OpenedDouble))
    hand_in("ann")
    releasing.collect(released, lab)
    result = Cohort.open(released.folder).api.autograde(lab.id, "ann")  # what its handler calls
    assert result["success"], result["error"]
    with released.gradebook() as gradebook:
        assert gradebook.find_submission(lab.id, "ann").score == 60
    assert scoring.waiting(released, lab, ["ann"]) == []
