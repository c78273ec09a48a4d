"""`autograder new` makes a lab that works before a word of it is changed."""

import nbformat
import pytest

from autograder import source
from autograder.authoring import build
from autograder.authoring.new import new
from autograder.errors import UserError
from autograder.grading.grader import Grader
from autograder.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab.load(new(tmp_path_factory.mktemp("solutions"), "9", "model-evaluation"))


def test_it_has_the_names_that_were_asked_for(lab):
    assert (lab.id, lab.lesson, lab.notebooks) == ("lab-09-model-evaluation", "09", ["model_evaluation"])
    assert lab.title.en == "Evaluation"
    texts = [path.read_text(encoding="utf-8") for path in lab.folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if "TITLE-" in text or "lab-00" in text]


def test_it_builds_in_both_languages(lab, tmp_path):
    written = {path.relative_to(tmp_path).as_posix() for path in build.build([lab], tmp_path)}
    assert {f"{lang}/{lab.id}/model_evaluation.ipynb" for lang in ("en", "zh")} <= written


def test_its_reference_has_full_marks_and_its_starter_none(lab, tmp_path):
    with Grader(lab, b"secret") as grader:
        for make, score in ((source.reference, 100), (source.release, 0)):
            notebook = tmp_path / f"{make.__name__}.ipynb"
            nbformat.write(make(lab, "model_evaluation"), notebook)
            assert grader.grade(notebook).score == score


@pytest.mark.parametrize(
    ("number", "slug", "message"),
    [
        ("06", "reward", "The outline has no lesson 06: take one of 00, 01"),
        ("10", "Serving!", "named with small letters, digits and hyphens"),
        ("09", "again", "Lesson 09 has a lab already: .*lab-09-model-evaluation"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(lab, number, slug, message):
    with pytest.raises(UserError, match=message):
        new(lab.folder.parent, number, slug)
    assert [path.name for path in lab.folder.parent.iterdir()] == [lab.id]
