"""What the labs that are built promise: every check cell of a released notebook finds public cases."""

from pathlib import Path

import pytest

from labkit import rehearsal
from labkit.check import find_cases
from launcher.workspace import Workspace

RELEASED = sorted((Workspace().root / "assignments").glob("*/lab-*/*.ipynb"))


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_every_problem_has_public_cases_with_titles_in_both_languages(notebook: Path):
    problems = rehearsal.problems_of(notebook)
    assert problems
    for problem in problems:
        assert all(case.title["en"] and case.title["zh"] for case in find_cases(problem))
