"""The Chinese report of a wrong submission has no English sentence, whatever was wrong with it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autograder.grading.report import Report, table
from launcher import scores
from tests.english import sentences

WRONG = {
    "the values": {"attention-solution": "def attention(q, k, v):\n    return softmax(q @ k.T, -1) @ v"},
    "the shape": {"softmax-solution": "def softmax(x, dim):\n    return x.sum()"},
    "the type": {"softmax-solution": "def softmax(x, dim):\n    return None"},
    "a name that is not there": {"softmax-solution": "def soft(x, dim):\n    return x"},
    "a name inside a function": {"softmax-solution": "def softmax(x, dim):\n    return helper(x)"},
    "an exception": {"softmax-solution": "def softmax(x, dim):\n    y = x.exp()\n    return y / y.summ(dim)"},
    "an exception of labkit's": {
        "softmax-solution": "from labkit import ranks\n"
        "def softmax(x, dim):\n    return ranks.threads(2, lambda group: group.rank or group.all_reduce(x))"
    },
    "an exception without words": {
        "softmax-solution": "class Mute(Exception):\n    def __str__(self): raise self\n"
        "def softmax(x, dim):\n    raise Mute"
    },
    "a cell that is not Python": {"rms-norm-solution": "class RMSNorm(torch.nn.Module:"},
    "a cell that raises": {"rms-norm-solution": "scale = 1 / 0\nclass RMSNorm: ..."},
    "a shell line": {"softmax-solution": "!pip install softmax\ndef softmax(x, dim):\n    return x"},
    "a process that ends": {"softmax-solution": "import os\ndef softmax(x, dim):\n    os._exit(3)"},
    "a cell that ends the process": {"softmax-solution": "import os\nos._exit(3)"},
    "a result that is too large": {"softmax-solution": "def softmax(x, dim):\n    return ['x' * 1000] * 10_000"},
    "a result that is nested too deeply": {
        "softmax-solution": "def softmax(x, dim):\n    for _ in range(99):\n        x = [x]\n    return x"
    },
    "a result without values": {"softmax-solution": "def softmax(x, dim):\n    return x.to('meta')"},
}


def shown(report: Report) -> str:
    """What a student reads: the JSON's texts, its table, and the table of `lab submit`."""
    screen = Console(file=io.StringIO(), width=250)
    screen.print(table(report, "小实验", "zh"))
    data: dict[str, Any] = json.loads(report.to_json())
    screen.print(scores.render(data, "zh"))
    tests = [test for problem in data["problems"] for test in problem["tests"]]
    texts = [text for test in tests for text in (test["message"], test["hint"])]
    texts += [data["submission"].get("message", ""), *data["submission"].get("notes", [])]
    assert isinstance(screen.file, io.StringIO)
    return "\n".join([*texts, screen.file.getvalue()])


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_submission_is_told_in_chinese(grader, hand_in, what: str):
    report = grader.grade(hand_in(WRONG[what]), "zh")
    assert report.score < report.max_score
    assert sentences(shown(report)) == []


def test_an_unreadable_submission_is_told_in_chinese(grader, tmp_path: Path):
    (tmp_path / "mini.ipynb").write_text('{"cells": [')
    assert sentences(shown(grader.grade(tmp_path / "mini.ipynb", "zh"))) == []


def test_the_line_of_an_exception_is_told_in_chinese(grader, hand_in):
    report = grader.grade(hand_in(WRONG["an exception"]), "zh")
    where = "（softmax-solution 单元格第 3 行：return y / y.summ(dim)）"
    assert report.problems[0].tests[0].message == f"AttributeError：'Tensor' object has no attribute 'summ'{where}"


def test_the_english_report_would_be_found(grader, hand_in):
    report = grader.grade(hand_in(WRONG["a cell that is not Python"]))
    assert "is not defined: cell" in " ".join(sentences(shown(report)))
