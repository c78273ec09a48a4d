"""The `autograder` command, as it is typed: what it prints and how it exits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from autograder import cli

LABS = Path(__file__).parent.parent / "labs"


def autograder(*words: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "autograder.cli", *map(str, words)]
    environment = {**os.environ, "LLM101_SOLUTIONS": str(LABS), "COLUMNS": "120", **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def test_grade_prints_the_report_as_json_and_exits_0(hand_in):
    done = autograder("grade", "90", hand_in({"softmax-solution": "pass"}), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["problems"][0]["score"] == 0


def test_grade_prints_a_table_with_hints_in_chinese(hand_in):
    wrong = "def attention(q, k, v):\n    return softmax(q @ k.T, -1) @ v"
    done = autograder("grade", "90", hand_in({"attention-solution": wrong}), "--lang", "zh")
    assert done.returncode == 0, done.stderr
    for word in ("题目", "注意力分数", "未通过", "12 / 16"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["grade", "06", "x.ipynb"], "The outline has no lesson 06"),
        (["grade", "09", "x.ipynb"], "The lab of lesson 09 is not built yet"),
        (["grade", "nonsense", "x.ipynb"], "There is no lab 'nonsense'"),
        (["grade", "90", "absent.ipynb"], "absent.ipynb does not exist"),
        (["grade", "91", "x.ipynb"], "lab-91-pair has 2 notebooks: give the folder that holds them"),
        (["grade", "90", ".", "--lang", "fr"], "unknown language 'fr': choose en or zh"),
        (["cohort", "create", "autumn", "--roster", "r.csv", "--lang", "fr"], "unknown language 'fr': choose en or zh"),
        (["grade", "90", ".", "--sandbox", "vm"], "takes bubblewrap, docker or docker:RUNTIME, not 'vm'"),
    ],
)
def test_a_bad_call_gets_one_line_and_exits_2(words: list[str], line: str, tmp_path: Path):
    submission = tmp_path / "x.ipynb"
    submission.write_text("{}")
    done = autograder(*(submission if word == "x.ipynb" else word for word in words))
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_sandbox_grading_refuses_and_exits_3(hand_in):
    done = autograder("grade", "90", hand_in(), env={"PATH": "/nowhere"})
    assert done.returncode == 3
    assert "bubblewrap is missing" in done.stderr
    assert "`--sandbox docker`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "gradebook.db"),
        OperationalError("INSERT INTO x", {}, Exception("database is\nlocked")),
    ],
)
def test_a_full_disk_and_a_locked_gradebook_end_in_one_line(monkeypatch, capsys, error: Exception):
    def fail(standalone_mode: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert said.startswith("autograder: ")
    assert said.count("\n") == 1
    assert "No space left on device" in said or "locked" in said


def test_the_environment_may_name_the_sandbox(hand_in):
    done = autograder("grade", "90", hand_in(), env={"LLM101_SANDBOX": "docker", "DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 3
    assert "no Docker engine answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_passes_for_a_sound_suite_and_fails_where_a_misconception_does_otherwise(tmp_path: Path):
    folder = shutil.copytree(LABS / "lab-90-mini", tmp_path / "lab-90-mini", ignore=shutil.ignore_patterns(".traces"))
    environment = {"LLM101_SOLUTIONS": str(tmp_path)}
    done = autograder("validate", "90", "--seeds", "1", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 proved now, 0 not proved" in done.stdout
    path = folder / "misconceptions" / "scale-omitted.py"
    path.write_text(path.read_text().replace("test_attention_gradient", "test_attention_with_one_key"))
    done = autograder("validate", "90", "--seeds", "1", env=environment)
    assert done.returncode == 1
    text = " ".join((done.stdout + done.stderr).split())
    assert "passes test_attention_with_one_key, which it should fail" in text
    assert "fails test_attention_gradient, which it should pass" in text
