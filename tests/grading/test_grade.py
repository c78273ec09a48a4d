"""What a student's notebook gets: scores, outcomes, messages, hints."""

import json
from pathlib import Path

import pytest

from autograder.errors import GraderError
from autograder.grading.report import Report
from autograder.sandbox.bubblewrap import Bubblewrap

WRONG_SCALE = "def attention(q, k, v):\n    return softmax(q @ k.T, -1) @ v"


def outcomes(report: Report) -> dict[str, str]:
    return {test.name: test.outcome for problem in report.problems for test in problem.tests}


def test_the_reference_gets_full_marks(grader, hand_in):
    report = grader.grade(hand_in())
    assert (report.score, report.max_score) == (16, 16)
    assert report.submission.status == "ok"
    assert report.sandbox == "bubblewrap"


def test_the_starter_gets_nothing_and_no_hint(grader, hand_in):
    report = grader.grade(hand_in(starter=True))
    assert report.score == 0
    tests = [test for problem in report.problems for test in problem.tests]
    assert {(test.message, test.hint, test.diagnosis) for test in tests} == {("not written yet", "", None)}


def test_messages_come_in_the_readers_language(grader, hand_in):
    report = grader.grade(hand_in(starter=True), "zh")
    assert {test.message for problem in report.problems for test in problem.tests} == {"尚未编写"}


def test_the_json_has_the_keys_of_the_design(grader, hand_in):
    report = json.loads(grader.grade(hand_in()).to_json())
    assert list(report) == ["lab", "score", "max_score", "seconds", "problems", "submission", "sandbox"]
    assert list(report["problems"][0]) == ["id", "score", "max_score", "tests"]
    assert set(report["problems"][0]["tests"][0]) == {
        "name", "outcome", "points", "max_points", "message", "hint", "diagnosis", "seconds",
    }  # fmt: skip
    assert report["submission"] == {"status": "ok"}


def test_problems_come_in_the_order_of_the_notebook(grader, hand_in):
    assert [problem.id for problem in grader.grade(hand_in()).problems] == ["softmax", "attention", "rms-norm"]


def test_a_misconception_is_named_and_its_hint_is_in_the_language_asked_for(grader, hand_in):
    path = hand_in({"attention-solution": WRONG_SCALE})
    english, chinese = grader.grade(path, "en"), grader.grade(path, "zh")
    failed = [test for problem in english.problems for test in problem.tests if test.outcome == "failed"]
    assert [test.diagnosis for test in failed] == ["scale-omitted", "scale-omitted"]
    assert failed[0].hint == "Your scores grow with the size of the heads."
    assert "注意力" in chinese.to_json().decode()


def test_another_mistake_is_not_named(grader, hand_in):
    report = grader.grade(hand_in({"attention-solution": WRONG_SCALE.replace("q @ k.T", "q @ k.T / q.shape[-1]")}))
    failed = [test for problem in report.problems for test in problem.tests if test.outcome == "failed"]
    assert failed
    assert {test.diagnosis for test in failed} == {None}


def test_one_broken_cell_costs_its_own_problem_only(grader, hand_in):
    report = grader.grade(hand_in({"rms-norm-solution": "class RMSNorm(torch.nn.Module:"}))
    assert {problem.id: problem.score for problem in report.problems} == {"softmax": 4, "attention": 6, "rms-norm": 0}
    messages = {test.message for test in report.problems[2].tests}
    assert len(messages) == 1
    assert "SyntaxError" in messages.pop()


def test_an_exception_tells_the_students_own_line(grader, hand_in):
    cell = "def softmax(x, dim):\n    y = x.exp()\n    return y / y.summ(dim)"
    report = grader.grade(hand_in({"softmax-solution": cell}))
    assert outcomes(report)["test_softmax_values"] == "error"
    assert "line 3 of softmax-solution: return y / y.summ(dim)" in report.problems[0].tests[0].message


def test_a_wrong_kind_of_result_is_told_without_the_expected_values(grader, hand_in):
    report = grader.grade(hand_in({"softmax-solution": "def softmax(x, dim):\n    return x.sum()"}))
    assert report.problems[0].tests[0].message == "softmax(x, 0) should have shape (3, 7), not ()"


def test_values_in_an_exception_are_blanked_out(grader, hand_in):
    cell = "def softmax(x, dim):\n    raise ValueError(x.tolist())"
    report = grader.grade(hand_in({"softmax-solution": cell}))
    assert "…, …" in report.problems[0].tests[0].message


def test_a_solution_may_use_a_helper_in_a_cell_of_its_own(grader, hand_in, tmp_path: Path):
    path = hand_in({"softmax-solution": "def softmax(x, dim):\n    return helper(x, dim)"})
    node = json.loads(path.read_text())
    helper = "def helper(x, dim):\n    return torch.softmax(x, dim)\nraise SystemExit('exploring')"
    node["cells"].insert(2, {"cell_type": "code", "source": helper, "metadata": {}, "outputs": []})
    path.write_text(json.dumps(node))
    assert grader.grade(path).score == 16


def test_an_unreadable_submission_gets_nothing_and_a_reason(grader, tmp_path: Path):
    path = tmp_path / "mini.ipynb"
    path.write_text('{"cells": [')
    report = grader.grade(path)
    assert (report.score, report.max_score) == (0, 16)
    assert report.submission.status == "unreadable"
    assert report.submission.message


def test_an_endless_cell_costs_its_own_problem_only(grader, hand_in):
    report = grader.grade(hand_in({"rms-norm-solution": "while True:\n    pass"}))
    assert {problem.id: problem.score for problem in report.problems} == {"softmax": 4, "attention": 6, "rms-norm": 0}
    assert any("left out" in note for note in report.submission.notes)


def test_regrading_twenty_submissions_gives_the_same_bits_but_for_the_seconds(grader, hand_in):
    cells = [{}, {"attention-solution": WRONG_SCALE}, {"softmax-solution": "softmax = 3"},
             {"softmax-solution": "def softmax(x, dim):\n    raise ValueError(str({'a', 'b', 'c', 'd', 'e'}))"},
             {"softmax-solution": "def softmax(x, dim):\n    return torch.randn(x.shape).softmax(dim)"}]  # fmt: skip

    def grade(index: int) -> dict:
        report = json.loads(grader.grade(hand_in(cells[index % len(cells)])).to_json())
        del report["seconds"]
        for problem in report["problems"]:
            for test in problem["tests"]:
                del test["seconds"]
        return report

    first = [grade(index) for index in range(20)]
    assert [grade(index) for index in range(20)] == first


def test_a_sandbox_that_fails_costs_no_student_a_point(grader, hand_in, monkeypatch):
    """It ends the grading of this submission, and the next one is graded as ever."""

    def fail(self):
        raise GraderError("the sandbox could not start a child")

    with monkeypatch.context() as broken:
        broken.setattr(Bubblewrap, "spawn", fail)
        with pytest.raises(GraderError, match="could not start a child"):
            grader.grade(hand_in())
    assert grader.grade(hand_in()).score == 16
