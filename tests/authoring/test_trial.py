"""Solutions by somebody who has not read the suite: caught, named, rejected."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.authoring.trial import files
from autograder.errors import UserError

LABS = Path(__file__).parent.parent / "labs"
WRONG = {
    "unscaled": "def attention(q, k, v):\n    return softmax(q @ k.T, -1) @ v\n",
    "constant": "def attention(q, k, v):\n    return v.mean(0).expand(len(q), -1) * 2\n",
    "unnoticed": "def attention(q, k, v):\n    return softmax(q @ k.T / q.shape[-1] ** 0.5, -1) @ v\n",
}
RIGHT = {"other": "def softmax(x, dim):\n    return torch.softmax(x, dim)\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind, solutions in (("wrong", WRONG), ("right", RIGHT)):
        (tmp_path / kind).mkdir()
        for name, code in solutions.items():
            (tmp_path / kind / f"{name}.py").write_text(f'"""A solution."""\n\n{code}', encoding="utf-8")
    return tmp_path


def trial(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "autograder.cli", "trial", "90", *map(str, words)]
    environment = {**os.environ, "LLM101_SOLUTIONS": str(LABS), "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


def test_each_solution_says_what_it_lost_and_what_it_was_named(folder: Path):
    done = trial(folder, "--json")
    assert done.returncode == 0, done.stderr
    tried = json.loads(done.stdout)
    assert {one["name"]: one["lost"] for one in tried["wrong"]} == {"constant": 6, "unnoticed": 0, "unscaled": 4}
    assert tried["right"] == [{"name": "other", "lost": 0.0, "failed": []}]
    unscaled = next(one for one in tried["wrong"] if one["name"] == "unscaled")
    assert set(unscaled["failed"][0]) == {"test", "outcome", "message", "hint", "diagnosis"}
    assert {test["diagnosis"] for test in unscaled["failed"]} == {"scale-omitted"}


def test_the_table_counts_the_caught_the_named_and_the_rejected(folder: Path):
    done = trial(folder)
    assert "2 of 3 wrong ones caught, 1 of those named; 0 of 1 right ones rejected" in done.stdout, done.stderr


def test_a_folder_without_solutions_is_a_bad_call(tmp_path: Path):
    with pytest.raises(UserError, match=r"no Python files in .*wrong or .*right$"):
        files(tmp_path)
