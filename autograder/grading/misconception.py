"""Wrong solutions that real students write: their code, the hint they deserve and the tests they must fail.

And honest different ones, the variants. Both are a cell that redefines names of one notebook, after the reference's.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from autograder.errors import UserError
from labkit.i18n import Bilingual

HEAD = ("NOTEBOOK", "HINT", "FAILS")


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


class Misconception(Extra, frozen=True):
    """One file of `misconceptions/`: the names that it gets wrong, the hint, and exactly the tests that it fails."""

    id: str
    title: str
    hint: Bilingual
    fails: list[str]
    defines: frozenset[str]

    @classmethod
    def load(cls, path: Path, notebooks: Sequence[str]) -> Misconception:
        """Reads a misconception without running it. Raises UserError when its head is not as CONTRIBUTING.md says."""
        text = path.read_text(encoding="utf-8")
        try:
            tree = ast.parse(text, filename=str(path))
            head = _head(tree)
            hint = msgspec.convert(head["HINT"], Bilingual).in_both()
            fails = msgspec.convert(head["FAILS"], list[str])
        except (SyntaxError, ValueError, KeyError, msgspec.ValidationError) as error:
            raise UserError(f"{path}: HINT and FAILS must be literals at the top level: {error!r}") from None
        return cls(
            notebook=_notebook(path, head, notebooks),
            source=text,
            id=path.stem,
            title=(ast.get_docstring(tree) or "").partition("\n")[0],
            hint=hint,
            fails=fails,
            defines=frozenset(_defined(tree)),
        )


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
