"""The Makefile: a thin layer, checked by asking make what it would do."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # As typed in a shell: when `make test` runs us, its own MAKEFLAGS would be in force.
    shell = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=shell)


def test_make_alone_shows_the_menu_without_colour_in_a_pipe():
    menu = make().stdout
    for target in ("lab-NN", "submit-NN", "grade-NN SUBMISSION=path", "validate-NN", "test"):
        assert f"make {target} " in menu
    assert "\033" not in menu


def test_a_lab_target_calls_lab_with_its_number_and_arguments():
    assert make("-n", "lab-05", "ARGS=--lang zh").stdout.splitlines()[-1] == ".venv/bin/lab start 05 --lang zh"


def test_grade_without_a_submission_says_what_is_missing():
    done = make("grade-05")
    assert done.returncode == 2
    assert done.stderr.startswith("Say what to grade: make grade-05 SUBMISSION=")


def test_only_what_grades_asks_for_the_sandbox():
    asks = {
        target: "sandbox" in make("-n", target, "SUBMISSION=x").stdout
        for target in ("lab-05", "check-05", "status", "build", "submit-05", "grade-05", "validate-05", "test")
    }
    assert [target for target, asked in asks.items() if asked] == ["submit-05", "grade-05", "validate-05", "test"]
