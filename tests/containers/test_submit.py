"""`lab submit` in the grader's container gives the score that grading on this machine gives."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.grading.grader import Grader
from autograder.grading.secret import local_secret
from autograder.lab import Lab
from labkit import outline
from launcher import hand_in
from launcher.engine import Engine
from launcher.workspace import HandIn, Release, Workspace

ROOT = Path(__file__).resolve().parents[2]
MINI = ROOT / "tests" / "labs" / "lab-90-mini"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("images")]


def without_seconds(report: dict) -> dict:
    report.pop("seconds")
    for problem in report["problems"]:
        for test in problem["tests"]:
            test.pop("seconds")
    return report


def test_both_ways_give_the_same_report_and_the_second_time_uses_the_traces(tmp_path: Path, monkeypatch):
    solutions = tmp_path / "solutions"
    shutil.copytree(MINI, solutions / "lab-90-mini", ignore=shutil.ignore_patterns(".traces"))
    monkeypatch.setenv("LLM101_SOLUTIONS", str(solutions))
    lab = Lab.load(solutions / "lab-90-mini")
    notebook = source.reference(lab, "mini")
    notebook.cells.append(nbformat.v4.new_code_cell((MINI / "misconceptions/scale-omitted.py").read_text()))
    handed_in = tmp_path / "handed-in"
    handed_in.mkdir()
    nbformat.write(notebook, handed_in / "mini.ipynb")
    os.chmod(handed_in, 0o700)

    with Grader(lab, local_secret(solutions)) as grader:
        here = json.loads(grader.grade(handed_in).to_json())
    mini = Release(outline.Lesson("90", lab.title), lab.id, lab.title, lab.requirements, ("mini",))
    call = (Workspace(ROOT), mini, HandIn(handed_in), Engine.find(), "en")
    inside = hand_in.in_container(*call)
    assert inside.returncode == 0
    assert without_seconds(json.loads(inside.stdout)) == without_seconds(here)
    assert 0 < here["score"] < here["max_score"]

    # A trace that is read is touched, one that is made again is another file.
    kept = {file.name: file.stat().st_ino for file in (solutions / ".traces/lab-90-mini").iterdir()}
    assert kept
    hand_in.in_container(*call)
    assert {file.name: file.stat().st_ino for file in (solutions / ".traces/lab-90-mini").iterdir()} == kept
