"""A lab whose second notebook builds on the student's own first one (tests/labs/lab-91-pair)."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.authoring import targets
from autograder.errors import UserError
from autograder.grading.grader import Grader
from autograder.grading.misconception import Extra
from autograder.grading.report import Report
from autograder.lab import Lab

PAIR = Path(__file__).parent.parent / "labs" / "lab-91-pair"


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    """Of a copy that has no traces of former runs."""
    folder = tmp_path_factory.mktemp("solutions") / PAIR.name
    shutil.copytree(PAIR, folder, ignore=shutil.ignore_patterns(".traces"))
    with Grader(Lab.load(folder), b"a secret of thirty-two bytes ...") as grader:
        yield grader


@pytest.fixture
def grade(grader: Grader, tmp_path: Path) -> Callable[..., Report]:
    """Grades the reference's two notebooks with some solution cells replaced (grade id -> source)."""

    def hand_in(cells: dict[str, str], without: str = "") -> Report:
        for name in {*grader.lab.notebooks} - {without}:
            node = source.reference(grader.lab, name)
            for cell in node.cells:
                cell.source = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
            nbformat.write(node, tmp_path / f"{name}.ipynb")
        return grader.grade(tmp_path)

    return hand_in


def scores(report: Report) -> dict[str, float]:
    return {problem.id: problem.score for problem in report.problems}


def messages(report: Report, problem: str) -> str:
    return next(found.tests[0].message for found in report.problems if found.id == problem)


def test_the_later_notebook_uses_the_students_own_earlier_one(grade):
    assert set(scores(grade({})).values()) == {2}
    wrong = grade({"square-solution": "def square(side):\n    return 4 * side"})
    assert scores(wrong) == {"square": 0, "triangle": 2, "cube": 0, "prism": 2, "box": 2}


def test_a_broken_cell_costs_only_what_needs_its_names_and_is_named(grade):
    report = grade({"triangle-solution": "class Triangle(:\n    pass"})
    assert scores(report) == {"square": 2, "triangle": 0, "cube": 2, "prism": 0, "box": 2}
    assert "`Triangle` is not defined: cell triangle-solution raised SyntaxError" in messages(report, "prism")


def test_a_cell_that_ends_the_process_costs_only_what_needs_its_names(grade):
    report = grade({"triangle-solution": "import os\nos._exit(3)\nclass Triangle:\n    pass"})
    assert scores(report) == {"square": 2, "triangle": 0, "cube": 2, "prism": 0, "box": 2}


def test_an_earlier_notebook_that_was_not_handed_in_costs_only_what_needs_it(grade):
    report = grade({}, without="shapes")
    assert scores(report) == {"square": 0, "triangle": 0, "cube": 0, "prism": 0, "box": 2}
    assert "`square` is not defined" in messages(report, "cube")


def test_a_misconception_of_the_earlier_notebook_is_named_in_the_later_one(grade):
    wrong = "class Triangle:\n    def __init__(self, base, height):\n        "
    wrong += "self.sides = base, height\n\n    def area(self):\n        return self.sides[0] * self.sides[1]"
    report = grade({"triangle-solution": wrong})
    found = {test.name: test.diagnosis for problem in report.problems for test in problem.tests if test.diagnosis}
    assert found == {"test_triangle": "half-forgotten", "test_prism": "half-forgotten"}


def test_a_change_of_a_notebook_is_tried_on_what_it_can_reach(grader: Grader):
    """The later notebook's tests alone, or those of both: what the other tests say cannot change."""
    later = ["test_cube", "test_prism", "test_box"]
    assert targets.tests_of(grader, "solids") == later
    assert targets.tests_of(grader, "shapes") == ["test_square", "test_triangle", *later]
    for known in grader.misconceptions.values():
        results, _ = grader.run(targets.with_cells(grader, known))
        failed = {result.name for result in results if result.outcome != "passed"}
        assert failed <= set(targets.tests_of(grader, known.notebook))


def test_a_variant_of_several_notebooks_must_say_which(tmp_path: Path):
    path = tmp_path / "lost.py"
    path.write_text("x = 1")
    assert Extra.load(path, ["only"]).notebook == "only"
    with pytest.raises(UserError, match=r"lost\.py: NOTEBOOK must say which notebook it belongs to: a, b"):
        Extra.load(path, ["a", "b"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('solids = ["shapes"]', 'shapes = ["solids"]', "shapes uses solids: list what a notebook uses before it"),
        ('solids = ["shapes"]', 'solids = ["lines"]', "names lines"),
    ],
    ids=["a later one", "an unknown one"],
)
def test_a_notebook_uses_earlier_ones_only(tmp_path: Path, old: str, new: str, message: str):
    (tmp_path / "lab.toml").write_text((PAIR / "lab.toml").read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        Lab.load(tmp_path)


def test_what_a_used_notebook_uses_is_loaded_before_it():
    lab = Lab.load(PAIR)
    lab.notebooks, lab.uses = ["a", "b", "c", "d"], {"b": ["a"], "d": ["b"]}
    assert [lab.before(name) for name in lab.notebooks] == [[], ["a"], [], ["a", "b"]]
