"""Wrong solutions that real students write: their code, the hint they deserve and the tests they must fail.

And honest different ones, the variants. Both are a cell that redefines names of one notebook, after the reference's.
A misconception may be told as an edit of the reference: the cell is then the definition that is edited.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from autograder import source
from autograder.errors import UserError
from labkit.i18n import Bilingual

if TYPE_CHECKING:
    from autograder.grading.session import Program
    from autograder.lab import Lab

HEAD = ("NOTEBOOK", "HINT", "FAILS", "EDIT")
DEFINITION = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef


class Extra(msgspec.Struct, frozen=True):
    """One file of `variants/`, or what a misconception adds: a cell at the end of the reference's `notebook`."""

    notebook: str
    source: str

    @classmethod
    def load(cls, path: Path, notebooks: Sequence[str]) -> Extra:
        """Reads a variant of a lab with these notebooks, without running it.

        Raises UserError when it does not parse, or does not say in which of several notebooks it belongs.
        """
        text = path.read_text(encoding="utf-8")
        try:
            head = _head(ast.parse(text, filename=str(path)))
        except (SyntaxError, ValueError) as error:
            raise UserError(f"{path}: {error!r}") from None
        return cls(_notebook(path, head, notebooks), text)

    def added_to(self, programs: Mapping[str, Program]) -> dict[str, Program]:
        """A submission's programs with this cell after those of its notebook."""
        known = programs[self.notebook]
        cell = {"source": self.source, "role": "solution", "name": f"added-{len(known.cells)}"}
        return {**programs, self.notebook: msgspec.structs.replace(known, cells=[*known.cells, cell])}


class Misconception(Extra, frozen=True):
    """One file of `misconceptions/`: the names that it gets wrong, the hint, and exactly the tests that it fails."""

    id: str
    title: str
    hint: Bilingual
    fails: list[str]
    defines: frozenset[str]

    @classmethod
    def read(cls, path: Path, solutions: Mapping[str, str]) -> Misconception:
        """Reads a misconception without running it; `solutions` holds the reference's solution cells by notebook.

        Raises UserError when its head is not as CONTRIBUTING.md says, or its EDIT does not fit the reference.
        """
        text = path.read_text(encoding="utf-8")
        try:
            tree = ast.parse(text, filename=str(path))
            head = _head(tree)
            hint = msgspec.convert(head["HINT"], Bilingual).in_both()
            fails = msgspec.convert(head["FAILS"], list[str])
            edit = msgspec.convert(head.get("EDIT"), tuple[str, str, str] | None)
        except (SyntaxError, ValueError, KeyError, msgspec.ValidationError) as error:
            raise UserError(f"{path}: HINT and FAILS must be literals at the top level: {error!r}") from None
        notebook = _notebook(path, head, [*solutions])
        defines = _defined(tree)
        if edit is not None:
            if defines:
                raise UserError(f"{path}: give EDIT or {defines[0]}, not both")
            text, defines = _edited(path, solutions[notebook], *edit), [edit[0].partition(".")[0]]
        return cls(
            notebook=notebook,
            source=text,
            id=path.stem,
            title=(ast.get_docstring(tree) or "").partition("\n")[0],
            hint=hint,
            fails=fails,
            defines=frozenset(defines),
        )


def load_misconceptions(lab: Lab) -> dict[str, Misconception]:
    """A lab's misconceptions by id. Raises UserError for one that is malformed."""
    solutions = {
        name: "\n\n".join(
            cell.source
            for cell in source.reference(lab, name).cells
            if cell.metadata.get("nbgrader", {}).get("solution")
        )
        for name in lab.notebooks
    }
    return {name: Misconception.read(path, solutions) for name, path in lab.misconceptions.items()}


def _edited(path: Path, solution: str, name: str, old: str, new: str) -> str:
    """The definition of the solution that EDIT names, with `new` for `old`; of a method, its whole class.

    Raises UserError unless there is the one definition, `old` stands in it once, and Python can still read it.
    """
    outer, _, method = name.partition(".")
    try:
        definition = _definition(ast.parse(solution), outer)
    except SyntaxError as error:
        raise UserError(f"{path}: EDIT: the solution itself does not parse: {error.msg}") from None
    inner = _definition(definition, method) if definition and method else definition
    if definition is None or inner is None:
        raise UserError(f"{path}: EDIT: the solution defines no {name}, or several")
    lines = solution.split("\n")
    text, whole = ("\n".join(lines[_first_line(node) - 1 : node.end_lineno]) for node in (inner, definition))
    if text.count(old) != 1:
        raise UserError(f"{path}: EDIT: {old!r} stands {text.count(old)} times in {name}, not once")
    edited = whole.replace(text, text.replace(old, new))
    try:
        ast.parse(edited)
    except SyntaxError as error:
        raise UserError(f"{path}: EDIT makes {name} unreadable: {error.msg}") from None
    return edited


def _definition(tree: ast.AST, name: str) -> ast.stmt | None:
    """The one function or class of this name in a body."""
    body: list[ast.stmt] = getattr(tree, "body", [])
    found = [node for node in body if isinstance(node, DEFINITION) and node.name == name]
    return found[0] if len(found) == 1 else None


def _first_line(node: ast.stmt) -> int:
    """The line of a definition's first decorator, or its own."""
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])


def _head(tree: ast.Module) -> dict[str, Any]:
    """The literals at the top of the file by name. Raises ValueError for one that is not literal."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in HEAD
    }


def _notebook(path: Path, head: dict[str, Any], notebooks: Sequence[str]) -> str:
    """NOTEBOOK, or the lab's only one."""
    notebook = head.get("NOTEBOOK", notebooks[0] if len(notebooks) == 1 else "")
    if notebook not in notebooks:
        raise UserError(f"{path}: NOTEBOOK must say which notebook it belongs to: {', '.join(notebooks)}")
    return str(notebook)


def _defined(tree: ast.Module) -> list[str]:
    """The names that the file redefines."""
    return [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
