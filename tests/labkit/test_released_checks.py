"""What the labs that are built promise: every check cell of a released notebook finds public cases, in Chinese too."""

from pathlib import Path

import pytest

from autograder.lab import REPOSITORY
from labkit import rehearsal
from labkit.check import cases_of
from tests.english import sayings, sentences

RELEASED = sorted((REPOSITORY / "assignments").glob("*/lab-*/*.ipynb"))
CHECKS = sorted((REPOSITORY / "assignments" / "zh").glob("lab-*/checks/*.py"))


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_every_problem_has_public_cases(notebook: Path):
    problems = rehearsal.problems_of(notebook)
    assert problems
    assert all(cases_of(problem, notebook.parent) for problem in problems)


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_the_chinese_title_of_a_case_is_chinese(notebook: Path):
    titles = [
        case.title.zh for problem in rehearsal.problems_of(notebook) for case in cases_of(problem, notebook.parent)
    ]
    assert [title for title in titles if not title or sentences(title)] == []


@pytest.mark.parametrize("checks", CHECKS, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_the_chinese_of_what_a_case_says_is_chinese(checks: Path):
    said = [*sayings(checks.read_text(encoding="utf-8"), "fail", "Bilingual")]
    assert said
    assert [zh for _, zh in said if not zh or sentences(zh)] == []
