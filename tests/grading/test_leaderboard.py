"""A lab's leaderboard: the grader measures the figure itself, and what is wrong with an entry costs no points."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.authoring.mutate import sample
from autograder.errors import UserError
from autograder.grading.grader import Grader
from autograder.grading.report import Entry, Report
from autograder.lab import Lab
from labkit.i18n import Bilingual

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
BOARD = '''

from autograder.grading.leaderboard import Leaderboard
from labkit.i18n import Bilingual


def distance(student, rng):
    """How far the student's vector is from one that only the grader knows."""
    target = randn(rng, 3)
    found = student.compete(target + 1)
    expect.tensor(found, (3,), torch.float32, "compete")
    return (found - target).norm()


LEADERBOARD = Leaderboard("mini", Bilingual("metres", "米"), lowest_first=True, seconds=2, measure=distance)
'''
CELL = '''

# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "compete-solution", "cell_type": "code"}
def compete(x: Tensor) -> Tensor:
    """A vector (3,) as close as you can."""
    ### BEGIN SOLUTION
    return x - 0.5
    ### END SOLUTION
'''  # noqa: E501
UNIT = Bilingual("metres", "米")


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    folder = tmp_path_factory.mktemp("labs") / "lab"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns(".traces"))
    for path, addition in (("mini.py", CELL), ("hidden/test_mini.py", BOARD)):
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(addition)
    with Grader(Lab.load(folder), b"secret") as grader:
        yield grader


@pytest.fixture
def enter(grader: Grader, tmp_path: Path) -> Callable[[str | None], Report]:
    """Grades the reference with another body for `compete`; without one, as released."""

    def report(body: str | None) -> Report:
        node = source.reference(grader.lab, "mini")
        node.cells[-1].source = (
            source.release(grader.lab, "mini").cells[-1].source if body is None else f"def compete(x):\n    {body}"
        )
        nbformat.write(node, tmp_path / "mini.ipynb")
        return grader.grade(tmp_path / "mini.ipynb")

    return report


def test_the_figure_is_measured_outside_the_sandbox(enter):
    assert enter("return x - 1").leaderboard == Entry(0.0, UNIT, lowest_first=True)
    entry = enter("return x - 0.5").leaderboard
    assert entry == Entry(0.866, UNIT, lowest_first=True)
    assert entry.text("zh") == "0.8660 米"


def test_who_has_not_written_the_cell_does_not_compete(enter):
    report = enter(None)
    assert report.leaderboard is None
    assert b"leaderboard" not in report.to_json()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return x[:2]", "shape"),
        ("return x * float('nan')", "not finite"),
        ("raise OSError('no more room')", "no more room"),
        ("return float('-inf')", "tensor"),
        ("import os; os._exit(0)", "the process ended"),
        ("while True: pass", "time is used up"),
    ],
)
def test_a_refused_entry_has_a_reason_and_costs_no_points(enter, body, reason):
    report = enter(body)
    assert report.leaderboard.figure is None
    assert reason in report.leaderboard.message
    assert report.score == report.max_score == 16


def test_an_entry_survives_the_json(enter):
    report = enter("return x - 1")
    assert Report.from_json(report.to_json()) == report


def test_the_cell_that_competes_has_no_mutants(grader):
    assert {mutant.cell for mutant in sample(grader.lab, 10_000, 1).mutants} == {
        "softmax-solution", "attention-solution", "rms-norm-solution",
    }  # fmt: skip


def test_a_leaderboard_for_a_notebook_that_is_not_there_is_refused(tmp_path: Path):
    shutil.copytree(MINI, tmp_path / "lab", ignore=shutil.ignore_patterns(".traces"))
    with (tmp_path / "lab" / "hidden" / "test_mini.py").open("a", encoding="utf-8") as file:
        file.write(BOARD.replace('Leaderboard("mini"', 'Leaderboard("maxi"'))
    with pytest.raises(UserError, match="LEADERBOARD should be a Leaderboard for one of mini"):
        Grader(Lab.load(tmp_path / "lab"), b"secret").__enter__()
