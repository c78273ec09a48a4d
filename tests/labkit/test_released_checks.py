"""What the labs that are built promise: every check cell of a released notebook finds public cases."""

from pathlib import Path

import pytest

from autograder.lab import REPOSITORY
from labkit import rehearsal
from labkit.check import cases_of

RELEASED = sorted((REPOSITORY / "assignments").glob("*/lab-*/*.ipynb"))


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_every_problem_has_public_cases(notebook: Path):
    problems = rehearsal.problems_of(notebook)
    assert problems
    assert all(cases_of(problem, notebook.parent) for problem in problems)
