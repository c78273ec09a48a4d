"""Digests of what can change a reply or a verdict: traces (grading/traces.py) and proofs hold as long as theirs.

A digest takes files as they are where that is enough, and code without prose where an edit of a comment must not
make minutes of work stale.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import autograder
import labkit

if TYPE_CHECKING:
    from autograder.lab import Lab

DIGITS = 16  # of a digest, as it is written down
ENGINE = "grading", "sandbox", "worker", "source.py"  # of autograder
LOCKS = "torch", "lab", "models", "grader"  # the layers that grading runs on
# In a lab's folder, what no reply of the reference depends on.
APART = {"misconceptions", "variants", "checks", "__pycache__", "proof.json", "lab.toml"}
_PROSE = re.compile(r"^# %% \[markdown\].*\n(?:(?!# %%).*\n)*", re.MULTILINE)


def digest(parts: Iterable[bytes | str]) -> str:
    """A digest of some parts, in their order."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "little") + data)
    return hashed.hexdigest()[:DIGITS]


def engine() -> dict[str, Path]:
    """The files that every verdict of every lab depends on, by name: what grades, and what notebooks import."""
    package, library = Path(autograder.__file__).parent, Path(labkit.__file__).parent
    roots = {f"autograder/{name}": package / name for name in ENGINE} | {"labkit": library}
    found = {name: root for name, root in roots.items() if root.is_file()}
    for name, root in roots.items():
        for path in _files(root):
            inside = path.relative_to(root)
            if not APART & set(inside.parts):
                found[f"{name}/{inside.as_posix()}"] = path
    return found


def of_engine() -> str:
    """A digest of the engine's code, without its prose, and of the locks of the packages that it runs on."""
    locks = Path(autograder.__file__).parent.parent / "requirements"
    parts = [part for name, path in engine().items() for part in (name, _content(path))]
    return digest([*parts, *((locks / f"{name}.txt").read_bytes() for name in LOCKS)])


def of_replies(lab: Lab, secret: bytes) -> str:
    """Changes with anything that can change what the reference answers: quick, for every grader asks for it."""
    notebooks = {lab.folder / f"{name}.py" for name in lab.notebooks}
    files = {path.relative_to(lab.folder).as_posix(): path for path in _files(lab.folder)} | engine()
    contents = (
        part
        for name, path in files.items()
        if not APART & set(name.split("/"))
        for part in (name, _PROSE.sub("", path.read_text("utf-8")) if path in notebooks else path.read_bytes())
    )
    return digest([secret, sys.version, *installed(), settings(lab), *contents])


def settings(lab: Lab) -> bytes:
    """What lab.toml says that can change a verdict: all but the title and the mutants that are no mistakes."""
    return msgspec.json.encode([lab.id, lab.notebooks, lab.requirements, lab.uses, lab.limits, lab.preload])


def installed() -> list[str]:
    """Name and version of every package that this Python, and so the sandbox, can import."""
    folders = {Path(entry) for entry in sys.path if entry}
    return sorted({path.name for folder in folders for path in folder.glob("*.dist-info")})


def code(text: str, without: Collection[str] = ()) -> str:
    """Python as one line of its syntax tree, without comments, layout, docstrings, and the words of a test's mark.

    The assignments `without` are left out, too. It is the same on every version of Python, which `ast.dump` is not.
    Text that does not parse stands for itself.
    """
    try:
        return "".join(_written(ast.parse(text), frozenset(without)))
    except (SyntaxError, ValueError):
        return text


def _written(node: object, without: frozenset[str] = frozenset()) -> Iterator[str]:
    match node:
        case ast.AST():
            yield f"{type(node).__name__}("
            for field, value in ast.iter_fields(node):
                kept = _counted(value, without) if isinstance(value, list) else value
                if kept is not None and kept != [] and field not in ("kind", "type_comment"):
                    yield f"{field}="
                    yield from _written(kept)
            yield ")"
        case list():
            yield "["
            for child in node:
                yield from _written(child)
                yield ","
            yield "]"
        case _:
            yield repr(node)


def _counted(nodes: list[object], without: frozenset[str]) -> list[object]:
    """Statements without text that stands by itself and some assignments; arguments without hints and quotes."""

    def counts(node: object) -> bool:
        match node:
            case ast.Expr(ast.Constant(str())) | ast.keyword("hint" | "rests_on"):
                return False
            case ast.Assign():
                return not any(ast.unparse(target) in without for target in node.targets)
        return True

    return [node for node in nodes if counts(node)]


def _content(path: Path) -> bytes | str:
    return code(path.read_text(encoding="utf-8")) if path.suffix == ".py" else path.read_bytes()


def _files(folder: Path) -> list[Path]:
    """The files of a folder, without hidden ones: what is only just being written is one for a moment."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
