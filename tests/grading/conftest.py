"""A warm grader of the small lab `tests/labs/lab-90-mini`, and notebooks to hand in."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.grading.grader import Grader
from autograder.lab import Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
SECRET = b"a secret of thirty-two bytes ..."


@pytest.fixture(scope="session")
def grader() -> Iterator[Grader]:
    with Grader(Lab.load(MINI), SECRET) as grader:
        yield grader


@pytest.fixture
def hand_in(tmp_path: Path) -> Callable[..., Path]:
    """Writes the reference with some solution cells replaced (grade id -> source) and gives its path."""

    def write(cells: Mapping[str, str] | None = None, starter: bool = False) -> Path:
        lab = Lab.load(MINI)
        node = source.release(lab, "mini") if starter else source.reference(lab, "mini")
        for cell in node.cells:
            cell.source = (cells or {}).get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        path = tmp_path / "mini.ipynb"
        nbformat.write(node, path)
        return path

    return write
