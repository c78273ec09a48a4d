"""A submission in Chinese is graded as one in English: the same cells, the same report."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder import source
from autograder.grading.grader import Grader, submitted_cells
from autograder.lab import Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
SECRET = b"a secret of thirty-two bytes ..."
IMPORT = "import labkit\n"
MORE_CELLS = '''import labkit


# %% tags=["export"]
def largest(x: Tensor, dim: int) -> Tensor:
    """The largest value along `dim`.
    ---
    沿 `dim` 的最大值。
    """
    if not x.numel():
        raise ValueError(say("x is empty", "x 是空的"))
    return x.amax(dim, keepdim=True)


# %%
print(say("the largest", "最大值"), largest(torch.eye(2), 0))
'''


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The small lab with docstrings and messages in two languages, in its solutions and in the teacher's cells."""
    folder = shutil.copytree(MINI, tmp_path_factory.mktemp("solutions") / MINI.name)
    text = (folder / "mini.py").read_text(encoding="utf-8")
    text = text.replace("x.amax(dim, keepdim=True)", "largest(x, dim)").replace(IMPORT, MORE_CELLS)
    text = text.replace("stable for large x.", "stable for large x.\n    ---\n    沿 `dim` 的 softmax。\n    ")
    (folder / "mini.py").write_text(text, encoding="utf-8")
    return Lab.load(folder)


@pytest.fixture(scope="module")
def grader(lab: Lab) -> Iterator[Grader]:
    with Grader(lab, SECRET) as grader:
        yield grader


@pytest.fixture
def report(grader: Grader, tmp_path: Path) -> Callable[[Any], dict[str, Any]]:
    def grade(node: Any) -> dict[str, Any]:
        nbformat.write(node, tmp_path / "mini.ipynb")
        report = json.loads(grader.grade(tmp_path / "mini.ipynb").to_json())
        for timed in [report, *(test for problem in report["problems"] for test in problem["tests"])]:
            del timed["seconds"]
        return report

    return grade


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("make", [source.reference, source.release])
def test_no_cell_of_the_release_counts_as_added(grader, lab, make, lang):
    cells = grader.program("mini", submitted_cells(make(lab, "mini", lang))).cells
    roles = ["release", "release", "solution", "solution", "solution"]
    assert [cell["role"] for cell in cells] == roles
    assert "x is empty" in cells[1]["source"]


def test_an_untouched_notebook_has_the_same_report_in_both_languages(report, lab):
    english, chinese = (report(source.release(lab, "mini", lang)) for lang in ("en", "zh"))
    assert english == chinese
    assert english["score"] == 0


def test_the_reference_gets_full_marks_in_both_languages(report, lab):
    english, chinese = (report(source.reference(lab, "mini", lang)) for lang in ("en", "zh"))
    assert english == chinese
    assert english["score"] == english["max_score"]
