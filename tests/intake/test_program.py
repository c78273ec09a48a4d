"""The teacher's cells come from the release, the solutions from the submission, added cells keep their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.intake import SubmittedCell
from autograder.grading.program import ReleaseCell, merged_cells, solution_names
from tests.patience import cheap

RELEASE = [
    ReleaseCell("import torch", None, solution=False, export=True),
    ReleaseCell("plot()", None, solution=False, export=False),
    ReleaseCell("def f():\n    raise NotImplementedError", "f-solution", solution=True, export=True),
    ReleaseCell('labkit.check("f")', "f", solution=False, export=False),
    ReleaseCell("RANK = 8", "config", solution=False, export=True),
    ReleaseCell("G = H = 1\nclass K: ...", "g-solution", solution=True, export=True),
    ReleaseCell('labkit.check("g")', "g", solution=False, export=False),
]
IMPORT, PLOT, F, CHECK_F, CONFIG, G, CHECK_G = [(cell.source, cell.grade_id) for cell in RELEASE]
MY_F = ("def f(): return 1", "f-solution")
MY_G = ("G = 2", "g-solution")
HELPER = ("def helper(): ...", None)


def run(*cells: tuple[str, str | None]) -> list[tuple[str, str]]:
    """(role, source) of the program of a submission."""
    submission = [SubmittedCell(source, grade_id, False, i) for i, (source, grade_id) in enumerate(cells, 1)]
    return [(cell["role"], cell["source"]) for cell in merged_cells(RELEASE, submission)]


IMPORT_RUNS, CONFIG_RUNS = ("release", "import torch"), ("release", "RANK = 8")
F_RUNS, G_RUNS, HELPER_RUNS = ("solution", MY_F[0]), ("solution", MY_G[0]), ("added", HELPER[0])
USUAL = [IMPORT_RUNS, F_RUNS, CONFIG_RUNS, G_RUNS]

CASES: dict[str, tuple[list[Any], list[tuple[str, str]]]] = {
    "usual": ([IMPORT, PLOT, MY_F, CHECK_F, CONFIG, MY_G, CHECK_G], USUAL),
    "all else deleted": ([MY_F, MY_G], USUAL),
    "empty": ([], [IMPORT_RUNS, CONFIG_RUNS]),
    "a solution deleted": ([IMPORT, PLOT, CHECK_F, CONFIG, MY_G], [IMPORT_RUNS, CONFIG_RUNS, G_RUNS]),
    "solutions swapped": ([IMPORT, MY_G, CONFIG, MY_F], USUAL),
    "solution duplicated": (
        [IMPORT, F, MY_F, CONFIG, MY_G], [IMPORT_RUNS, ("solution", F[0]), F_RUNS, CONFIG_RUNS, G_RUNS]
    ),
    "line ends and final blanks changed": (
        [("import torch\r\n\n", None), PLOT, MY_F, ("RANK = 8 ", "config"), MY_G], USUAL
    ),
    "helper before the solution": (
        [IMPORT, PLOT, HELPER, MY_F, CONFIG, MY_G], [IMPORT_RUNS, HELPER_RUNS, F_RUNS, CONFIG_RUNS, G_RUNS]
    ),
    "helper at the end": ([IMPORT, MY_F, CONFIG, MY_G, CHECK_G, HELPER], [*USUAL, HELPER_RUNS]),
    "helper at the start": ([HELPER, IMPORT, MY_F, CONFIG, MY_G], [HELPER_RUNS, *USUAL]),
    "helper after a deleted cell": (
        [IMPORT, MY_F, HELPER, MY_G], [IMPORT_RUNS, F_RUNS, CONFIG_RUNS, HELPER_RUNS, G_RUNS]
    ),
    "helper between copies": (
        [IMPORT, F, HELPER, MY_F, MY_G],
        [IMPORT_RUNS, ("solution", F[0]), HELPER_RUNS, F_RUNS, CONFIG_RUNS, G_RUNS],
    ),
    "a moved cell is no landmark": (
        [IMPORT, HELPER, MY_G, PLOT, MY_F, CHECK_F, CONFIG], [IMPORT_RUNS, HELPER_RUNS, F_RUNS, CONFIG_RUNS, G_RUNS]
    ),
    "locked cell changed": (
        [IMPORT, MY_F, ("RANK = 999", "config"), MY_G],
        [IMPORT_RUNS, F_RUNS, CONFIG_RUNS, ("added", "RANK = 999"), G_RUNS],
    ),
    "imports extended": (
        [("import torch, math", None), PLOT, MY_F, CONFIG, MY_G],
        [IMPORT_RUNS, ("added", "import torch, math"), F_RUNS, CONFIG_RUNS, G_RUNS],
    ),
    "grade id of another problem": (
        [IMPORT, ("def f(): ...", "g-solution"), CONFIG, MY_G],
        [IMPORT_RUNS, CONFIG_RUNS, ("solution", "def f(): ..."), G_RUNS],
    ),
    "unknown grade id": (
        [IMPORT, (MY_F[0], "z"), CONFIG, MY_G], [IMPORT_RUNS, ("added", MY_F[0]), CONFIG_RUNS, G_RUNS]
    ),
    "solution with the grade id of a check": (
        [IMPORT, (MY_F[0], "f"), CONFIG, MY_G], [IMPORT_RUNS, ("added", MY_F[0]), CONFIG_RUNS, G_RUNS]
    ),
    "metadata lost": (
        [IMPORT, (MY_F[0], None), ("RANK = 8", None), (MY_G[0], None)],
        [IMPORT_RUNS, ("added", MY_F[0]), CONFIG_RUNS, ("added", MY_G[0])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_merge(case: str) -> None:
    submission, expected = CASES[case]
    assert run(*submission) == expected


def test_cells_are_named_by_grade_id_or_place() -> None:
    submission = [SubmittedCell("import torch", None, False, 3), SubmittedCell("x", None, False, 17)]
    names = [cell["name"] for cell in merged_cells(RELEASE, [*submission, SubmittedCell(*MY_F, True, 20)])]
    assert names == ["cell 3", "cell 17", "f-solution", "config"]
    assert [cell["name"] for cell in merged_cells(RELEASE, [])] == ["release cell 1", "config"]


def test_names_of_solution_cells() -> None:
    assert solution_names(RELEASE) == {"f": "f-solution", "G": "g-solution", "H": "g-solution", "K": "g-solution"}


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(st.sampled_from([IMPORT, PLOT, MY_F, F, CHECK_F, CONFIG, MY_G, CHECK_G, HELPER, ("RANK = 9", "config")]))
)
def test_any_order_keeps_the_release_and_loses_no_cell(submission: list[tuple[str, str | None]]) -> None:
    result = run(*submission)
    assert [cell for cell in result if cell[0] == "release"] == [IMPORT_RUNS, CONFIG_RUNS]
    mine = [cell[0] for cell in submission if cell in (MY_F, F, MY_G, HELPER, ("RANK = 9", "config"))]
    assert sorted(source for role, source in result if role != "release") == sorted(mine)
    assert [source for role, source in result if source in (F[0], MY_F[0])] == [
        cell[0] for cell in submission if cell in (F, MY_F)
    ]


def test_five_thousand_cells_take_no_time() -> None:
    cells = [HELPER, MY_F, IMPORT, MY_G, CONFIG] * 1000
    with cheap(3):
        assert len(run(*cells)) == 3002
