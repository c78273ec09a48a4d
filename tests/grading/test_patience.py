"""What does not answer is waited for a minute in all, and costs the rest of a submission nothing."""

import nbformat
import pytest

from autograder import source
from autograder.grading.patience import HURRIED_AFTER, LATE, LEAST, OVER, OVER_AFTER, Patience


def test_what_answers_is_never_hurried():
    patience = Patience()
    assert (patience.granted(60.0), patience.ended("a")) == (60.0, None)


def test_after_two_late_tests_the_rest_of_that_problem_is_not_waited_for():
    patience = Patience()
    patience.silent(1.0, "a")
    assert patience.ended("a") is None
    patience.silent(1.0, "a")
    assert (patience.ended("a"), patience.ended("b"), patience.granted(10.0)) == (LATE, None, 10.0)


def test_after_some_silence_the_rest_gets_a_part_of_its_time_and_in_the_end_none():
    patience = Patience()
    patience.silent(HURRIED_AFTER, "a")
    assert (patience.granted(60.0), patience.granted(1.0)) == (12.0, LEAST)
    patience.silent(OVER_AFTER - HURRIED_AFTER, "")
    assert patience.ended("b") == OVER


@pytest.mark.parametrize(("problems", "tests"), [(5, 4), (40, 8)])
def test_a_lab_of_any_size_that_never_answers_costs_less_than_a_minute(problems: int, tests: int):
    """Ten seconds for each test, as in our labs."""
    patience, waited = Patience(), 0.0
    for problem in map(str, range(problems)):
        for _ in range(tests):
            if patience.ended(problem) is None:
                waited += patience.granted(10.0)
                patience.silent(patience.granted(10.0), problem)
    assert waited < 60.0


def solved(grader, cells):
    node = source.reference(grader.lab, "mini")
    for cell in node.cells:
        cell.source = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return node


def test_an_endless_loop_in_one_problem_says_what_was_not_run(grader, tmp_path):
    endless = "class RMSNorm:\n    def __init__(self, *args, **kwargs):\n        while True:\n            pass\n"
    nbformat.write(solved(grader, {"rms-norm-solution": endless}), tmp_path / "mini.ipynb")
    report = grader.grade(tmp_path / "mini.ipynb", "zh")
    messages = {problem.id: [test.message for test in problem.tests] for problem in report.problems}
    assert messages["softmax"] == ["", ""]
    assert messages["rms-norm"][:2] == ["2 秒之内没有结果"] * 2
    assert messages["rms-norm"][2] == LATE.zh


def test_what_never_loaded_is_not_loaded_again_for_each_problem(grader, tmp_path, monkeypatch):
    node = solved(grader, {})
    names = [f"end_{number}" for number in range(5)]
    for name in names:
        node.cells.insert(2, nbformat.v4.new_code_cell(f"{name} = __import__('os')._exit(1)"))
    for cell in node.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source += f"\nneeded = {', '.join(names)}\n"
    nbformat.write(node, tmp_path / "mini.ipynb")
    spawned = []
    spawn = grader.sandbox.spawn
    monkeypatch.setattr(grader.sandbox, "spawn", lambda: spawned.append(1) or spawn())
    report = grader.grade(tmp_path / "mini.ipynb")
    assert (report.score, {test.outcome for problem in report.problems for test in problem.tests}) == (0, {"crashed"})
    assert len(spawned) == 4
