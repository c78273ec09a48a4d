"""Decides, without running anything, which statements of the cells that a student added are needed.

Grading runs the release's cells and the solution cells whole. Of an added cell it runs only statements that

1. define a name (def, class, import, assignment, loop or with target, `:=`) that something running uses and
   that neither the release nor a solution cell nor Python defines; uses inside functions count; and so on for
   what these statements use themselves;
2. change such a name: `TABLE["a"] = f`, `cfg.rank = 8`, `names.append("x")`, a function decorated with it;
3. define anew what a solution cell above defines. A student who writes a second attempt into a new cell below
   expects it to count, because in the notebook the last definition wins. A def, class or import always does.
   An assignment counts only if its cell does nothing but define and something looks the name up later: so an
   experiment (`RANK = 64; train()`) does not replace what was handed in.

What the release defines stays as the release defines it. A stray `train(...)` or plot is none of these, and
costs nothing.
"""

import ast
import builtins
import symtable
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .magics import MAGIC, Python

DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
ASSIGNMENT = (ast.Assign, ast.AnnAssign, ast.AugAssign)

# Methods by which Python's containers change.
MUTATORS = frozenset(
    ["add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popleft"]
).union(["remove", "reverse", "setdefault", "sort", "update"])
COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")  # as the symbol table calls them


@dataclass(frozen=True)
class Names:
    """The global names of a piece of code."""

    binds: frozenset[str]
    loads: frozenset[str]  # all that it looks up, at once or later
    later: frozenset[str]  # those looked up inside functions


@dataclass(frozen=True)
class Whole:
    """A cell that runs as it is."""

    cell: int  # index in the program
    role: Literal["release", "solution"]
    names: Names


@dataclass(frozen=True, eq=False)
class Statement:
    """A top-level statement of an added cell."""

    cell: int
    node: ast.stmt
    names: Names
    changes: frozenset[str]  # names of objects that it changes without binding the name
    only_defines: bool  # nothing in its cell does anything else

    @property
    def touches(self) -> frozenset[str]:
        """The names whose meaning the statement changes."""
        return self.names.binds | self.changes

    @property
    def is_star_import(self) -> bool:
        """`from module import *`"""
        return isinstance(self.node, ast.ImportFrom) and self.node.names[0].name == "*"

    @property
    def is_future_import(self) -> bool:
        """`from __future__ import annotations`, which changes how the cells after it are compiled."""
        return isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"


def names_of(text: str) -> Names:
    """The global names of a module's text, by Python's own symbol table.

    Raises:
        SyntaxError: the text is not Python.
    """
    top = symtable.symtable(text, "<cell>", "exec")
    now, later = _loads(top, inside=False)
    return Names(frozenset(_binds(top)), frozenset(now | later), frozenset(later))


def _binds(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        # The target of `:=` in a comprehension is declared global there.
        is_bound = symbol.is_assigned() or symbol.is_imported()
        if is_bound if table.get_type() == "module" else symbol.is_declared_global():
            yield symbol.get_name()
    for child in table.get_children():
        if child.get_name() in COMPREHENSIONS:
            yield from _binds(child)


def _loads(table: symtable.SymbolTable, inside: bool) -> tuple[set[str], set[str]]:
    kind = table.get_type()
    inside = inside or kind == "function"
    # In a class body a name that is also assigned there may still be a global: `rank = rank`.
    found = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if (symbol.is_referenced() if kind != "function" else symbol.is_global())
    }
    now, later = (set(), found) if inside else (found, set())
    for child in table.get_children():
        more_now, more_later = _loads(child, inside)
        now |= more_now
        later |= more_later
    return now, later


def names_of_cell(python: Python) -> Names:
    """The global names of a cell. Raises SyntaxError, RecursionError."""
    return names_of(ast.unparse(python.tree) if MAGIC in python.text else python.text)


def statements(cell: int, python: Python) -> list[Statement]:
    """The top-level statements of an added cell. Raises SyntaxError, RecursionError."""
    nodes = python.tree.body
    only_defines = all(isinstance(node, (*DEFINITION, *ASSIGNMENT, ast.Pass)) or _is_constant(node) for node in nodes)
    return [
        Statement(cell, node, names_of(text), frozenset(_changes(node)), only_defines)
        for node, text in zip(nodes, _texts(python), strict=True)
    ]


def _texts(python: Python) -> Iterator[str]:
    """The text of each top-level statement: its lines, unless it shares them with another or has magics in them."""
    nodes, lines = python.tree.body, python.text.split("\n")
    ends = [0, *(node.end_lineno or 0 for node in nodes)]
    starts = [*(_first_line(node) for node in nodes), len(lines) + 1]
    for index, node in enumerate(nodes):
        shared = starts[index] <= ends[index] or starts[index + 1] <= ends[index + 1]
        text = "\n".join(lines[starts[index] - 1 : ends[index + 1]])
        yield ast.unparse(node) if shared or MAGIC in text else text


def _first_line(node: ast.stmt) -> int:
    return min(part.lineno for part in [node, *getattr(node, "decorator_list", [])])


def needed(wholes: Sequence[Whole], added: Sequence[Statement], wanted: Iterable[str]) -> list[Statement]:
    """The statements of added cells that run. `wanted`: names that the tests look up."""
    return _Slice(wholes, added, frozenset(wanted)).statements()


class _Slice:
    def __init__(self, wholes: Sequence[Whole], added: Sequence[Statement], wanted: frozenset[str]) -> None:
        self.wholes, self.added, self.wanted = wholes, added, wanted
        self.given = _all(whole.names.binds for whole in wholes if whole.role == "release")
        self.solved = _all(whole.names.binds for whole in wholes if whole.role == "solution") - self.given
        self.sources: dict[str, list[Statement]] = defaultdict(list)
        for statement in added:
            for name in statement.touches:
                self.sources[name].append(statement)
        self.chosen: dict[Statement, None] = {}
        self.looked_up: set[str] = set()

    def statements(self) -> list[Statement]:
        for statement in self.added:
            if statement.is_future_import:
                self._choose(statement)
        self._look_up(self.wanted)
        for whole in self.wholes:
            self._look_up(whole.names.loads)
        for statement in self._second_attempts(DEFINITION):
            self._choose(statement)
        for statement in self._second_attempts(ASSIGNMENT):
            if statement.only_defines and self._is_looked_up_after(statement):
                self._choose(statement)
        if any(self._is_missing(name) for name in self.looked_up):
            for statement in self.added:
                if statement.is_star_import:
                    self._choose(statement)
        return [statement for statement in self.added if statement in self.chosen]

    def _look_up(self, names: Collection[str]) -> None:
        pending = list(names)
        while pending:
            name = pending.pop()
            if name in self.looked_up:
                continue
            self.looked_up.add(name)
            if self._is_missing(name, unless_added=False):
                for statement in self.sources.get(name, ()):
                    if statement not in self.chosen:
                        self.chosen[statement] = None
                        pending += statement.names.loads

    def _choose(self, statement: Statement) -> None:
        self.chosen[statement] = None
        self._look_up(statement.names.loads)

    def _is_missing(self, name: str, unless_added: bool = True) -> bool:
        if name in self.given or name in self.solved or hasattr(builtins, name):
            return False
        return not (unless_added and name in self.sources)

    def _second_attempts(self, kinds: tuple[type[ast.stmt], ...]) -> Iterator[Statement]:
        first: dict[str, int] = {}
        for whole in self.wholes:
            if whole.role == "solution":
                for name in whole.names.binds:
                    first.setdefault(name, whole.cell)
        for statement in self.added:
            touches = statement.names.binds if kinds is DEFINITION else statement.touches
            if isinstance(statement.node, kinds) and any(
                name in self.solved and first[name] < statement.cell for name in touches
            ):
                yield statement

    def _is_looked_up_after(self, statement: Statement) -> bool:
        targets = statement.touches & self.solved
        running = [(whole.cell, whole.names) for whole in self.wholes]
        running += [(other.cell, other.names) for other in self.chosen]
        return bool(targets & self.wanted) or any(
            targets & (names.loads if cell > statement.cell else names.later) for cell, names in running
        )


def _changes(node: ast.AST) -> Iterator[str]:
    """Names of the objects that a statement changes when it runs; not those its functions change later."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            for decorator in node.decorator_list:
                yield from _root(decorator)
            return
        case ast.Lambda():
            return
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _root(node)
        case ast.Call(func=ast.Attribute(attr=method)) if method in MUTATORS:
            yield from _root(node.func)
        case ast.Call(func=ast.Name("setattr" | "delattr"), args=[target, *_]):
            yield from _root(target)
    for child in ast.iter_child_nodes(node):
        yield from _changes(child)


def _root(node: ast.expr) -> Iterator[str]:
    """The name that an expression such as `a.b[0].c(1)` starts from."""
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                node = inner
            case ast.Name(id=name):
                yield name
                return
            case _:
                return


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
