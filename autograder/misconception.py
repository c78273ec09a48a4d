"""Wrong solutions that real students write: their code, the hint they deserve and the tests they must fail."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec

from autograder.errors import UserError


class Misconception(msgspec.Struct, frozen=True):
    """One file of `misconceptions/`: a cell that redefines, after the reference's, the names it gets wrong."""

    id: str
    title: str
    hint: dict[str, str]
    fails: list[str]
    source: str
    defines: frozenset[str]

    @classmethod
    def load(cls, path: Path) -> Misconception:
        """Reads a misconception without running it. Raises UserError when its head is not as CONTRIBUTING.md says."""
        text = path.read_text(encoding="utf-8")
        try:
            tree = ast.parse(text, filename=str(path))
            head = {
                node.targets[0].id: ast.literal_eval(node.value)
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in HEAD
            }
            return cls(
                id=path.stem,
                title=(ast.get_docstring(tree) or "").partition("\n")[0],
                hint=msgspec.convert(head["HINT"], dict[str, str]),
                fails=msgspec.convert(head["FAILS"], list[str]),
                source=text,
                defines=frozenset(_defined(tree)),
            )
        except (SyntaxError, ValueError, KeyError, msgspec.ValidationError) as error:
            raise UserError(f"{path}: HINT and FAILS must be literals at the top level: {error!r}") from None


HEAD = ("HINT", "FAILS")


def _defined(tree: ast.Module) -> list[str]:
    """The names that the file redefines."""
    return [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
