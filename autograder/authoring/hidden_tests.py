"""What the hidden suite of a lab says of itself, read from its source: nothing of it is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autograder.errors import UserError

if TYPE_CHECKING:
    from autograder.lab import Lab

PATTERN = "test_*.py"
FORM = "@pytest.mark.problem(id, points=..., rests_on=..., hint=...)"


class HiddenTest(NamedTuple):
    """A hidden test and its mark. `rests_on` are sentences that students read: the test holds them to these."""

    where: str  # file, line and name, for a message
    name: str
    problem: str
    points: float
    rests_on: list[str]


def hidden_tests(lab: Lab) -> Iterator[HiddenTest]:
    """The hidden tests of a lab. Raises UserError where there is none, or one without its mark in literals."""
    if not any((lab.folder / "hidden").glob(PATTERN)):
        raise UserError(f"{lab.folder / 'hidden'}: no {PATTERN}")
    for path, tree in modules(lab.folder / "hidden", PATTERN):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield _read(f"{path}:{node.lineno}: {node.name}", node)


def modules(folder: Path, pattern: str = "*.py") -> Iterator[tuple[Path, ast.Module]]:
    """The syntax trees of the Python files in a folder. Raises UserError with the line of a syntax error."""
    for path in sorted(folder.glob(pattern)):
        try:
            yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        except SyntaxError as error:
            raise UserError(f"{path}:{error.lineno}: {error.msg}") from None


def _read(where: str, test: ast.FunctionDef) -> HiddenTest:
    calls = [mark for mark in test.decorator_list if isinstance(mark, ast.Call)]
    marks = [mark for mark in calls if ast.unparse(mark.func) == "pytest.mark.problem"]
    if len(marks) != 1:
        raise UserError(f"{where} needs one {FORM}")
    given = {keyword.arg: keyword.value for keyword in marks[0].keywords}
    try:
        problem = ast.literal_eval(marks[0].args[0])
        points = ast.literal_eval(given["points"])
        rests_on = ast.literal_eval(given["rests_on"])
    except (IndexError, KeyError, ValueError):
        raise UserError(f"{where}: write {FORM} with a literal id, points and rests_on") from None
    if not isinstance(problem, str) or type(points) not in (int, float) or not points > 0:
        raise UserError(f"{where}: @pytest.mark.problem takes a str id and points > 0")
    return HiddenTest(where, test.name, problem, points, [rests_on] if isinstance(rests_on, str) else rests_on)
