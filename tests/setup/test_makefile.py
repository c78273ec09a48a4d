"""The Makefile: a thin layer, checked by asking make what it would do."""

import os
import subprocess
import tomllib
from pathlib import Path

from tests.english import sentences

ROOT = Path(__file__).parents[2]


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # As typed in a shell: when `make test` runs us, its own MAKEFLAGS would be in force.
    shell = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shell |= {"LLM101_LANG": "en", **variables}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=shell)


def test_make_alone_shows_the_menu_without_colour_in_a_pipe():
    menu = make().stdout
    targets = ("lab-NN", "submit-NN", "ps", "stop", "logs-NN", "grade-NN SUBMISSION=path", "validate-NN", "test")
    for target in (*targets, "images [VARIANT=cuda]", "image-NN [VARIANT=cuda]"):
        assert f"make {target} " in menu
    assert "\033" not in menu


def test_the_menu_ends_with_the_labs_that_are_released():
    labs = [tomllib.loads(file.read_text()) for file in sorted(ROOT.glob("assignments/en/lab-*/lab.toml"))]
    lines = make("help").stdout.partition("Labs\n")[2].splitlines()
    assert labs
    assert [line.split() for line in lines] == [
        ["make", f"lab-{lab['lesson']}", *lab["title"]["en"].split()] for lab in labs
    ]


def test_the_menu_is_in_the_language_of_the_terminal():
    chinese, english = make("help", LLM101_LANG="", LC_ALL="zh_CN.UTF-8").stdout, make("help").stdout
    assert sentences(chinese) == []
    assert sentences(english)
    assert "打开实验" in chinese
    assert [line.split()[:2] for line in chinese.splitlines() if "make " in line] == [
        line.split()[:2] for line in english.splitlines() if "make " in line
    ]


def test_a_lab_target_calls_lab_with_its_number_and_arguments():
    assert make("-n", "lab-05", "ARGS=--lang zh").stdout.splitlines()[-1] == ".venv/bin/lab start 05 --lang zh"


def test_grade_without_a_submission_says_what_is_missing():
    done = make("grade-05")
    assert done.returncode == 2
    assert done.stderr.startswith("Say what to grade: make grade-05 SUBMISSION=")


def test_only_what_grades_asks_for_the_sandbox():
    asks = {
        target: "sandbox" in make("-n", target, "SUBMISSION=x").stdout
        for target in ("lab-05", "check-05", "build", "submit-05", "grade-05", "validate-05", "mutate-05", "test")
    }
    assert [target for target, asked in asks.items() if asked] == ["grade-05", "validate-05", "mutate-05", "test"]


def test_what_can_do_with_containers_installs_no_torch():
    for target in ("lab-05", "check-05", "submit-05", "reset-05", "logs-05", "status", "ps", "stop"):
        setup, call = make("-n", target).stdout.splitlines()
        assert setup.endswith(("setup_env.py 05 start", "setup_env.py start"))
        assert call.startswith(".venv/bin/lab ")


def test_images_are_built_for_the_variant_that_is_asked_for():
    assert make("-n", "images").stdout.strip().endswith("images/build.py")
    assert make("-n", "image-05", "VARIANT=cuda").stdout.strip().endswith("images/build.py 05 --variant cuda")
