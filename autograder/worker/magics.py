"""Turns a cell as a student writes it, IPython magics included, into Python that grading can run."""

import ast
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

from labkit.i18n import Bilingual

RUN_BODY = frozenset({"capture", "memit", "prun", "time", "timeit"})  # cell magics around ordinary code
# Line magics that a student may rely on, and would miss; others only concern the display.
MISSED = frozenset({"cd", "conda", "env", "load", "mamba", "micromamba", "pip", "run", "set_env", "store", "uv"})
MAGIC = "get_ipython()"
MAX_SHOWN = 40  # characters of a command in a note


@dataclass(frozen=True)
class Python:
    """A cell as Python. Line numbers in `tree` are those of `text`.

    Where `text` still has calls of get_ipython(), which IPython writes for magics, `tree` has their effect.
    """

    text: str
    tree: ast.Module
    notes: tuple[Bilingual, ...] = ()  # "line 3: `!pip install peft` is not run in grading"


def to_python(source: str) -> Python:
    """Parses a cell; magics become what they do to names, shell lines become nothing, with a note.

    `%%time` and its like run the body, `%time f()` runs `f()`; other line magics are left out, and so is all
    of a `%%bash`, `%%writefile` and the like. Only text that is not Python goes to IPython's transformer.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ast.parse does.
    """
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    blank = text[: len(text) - len(text.lstrip())].count("\n")
    lines = text.split("\n")
    while lines[blank].startswith("%%"):
        name = lines[blank][2:].split(maxsplit=1)[:1]
        if not RUN_BODY.issuperset(name):
            return Python("", ast.Module([], []), (_note(blank + 1, lines[blank]),))
        lines[blank] = ""
        while blank + 1 < len(lines) and not lines[blank].strip():
            blank += 1
    text = "\n".join(lines)
    try:
        return Python(text, ast.parse(text))
    except SyntaxError as error:
        transformed = _transformed(text, error)
    text = "\n" * blank + transformed  # the transformer drops the empty lines at the beginning
    tree, lines, magics = ast.parse(text), text.split("\n"), _Magics()
    body: list[ast.stmt] = []
    for node in tree.body:
        if any(MAGIC in line for line in lines[node.lineno - 1 : node.end_lineno]):
            replaced = magics.visit(node)
            body += map(ast.fix_missing_locations, replaced if isinstance(replaced, list) else [replaced])
        else:
            body.append(node)
    return Python(text, ast.Module(body, []), tuple(magics.notes))


def _transformed(text: str, error: SyntaxError) -> str:
    try:
        return TransformerManager().transform_cell(text)
    except Exception:  # it raises more than SyntaxError: IndexError for `x = !` at the end of a cell
        raise error from None


class _Magics(ast.NodeTransformer):
    """Replaces the calls of get_ipython() that IPython's transformer writes for magics and shell lines."""

    def __init__(self) -> None:
        self.notes: list[Bilingual] = []

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        """A magic on a line of its own."""
        magic = _magic(node.value)
        if magic is None:
            return self.generic_visit(node)
        body = self._timed(magic, node.lineno)
        return body or ast.copy_location(ast.Pass(), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A magic inside a statement: `files = !ls`, `y = %time f(x)`."""
        magic = _magic(node)
        if magic is None:
            return self.generic_visit(node)
        match self._timed(magic, node.lineno):
            case [ast.Expr(value)]:
                return value
        nothing = ast.List([], ast.Load()) if magic[0] == "!" else ast.Constant(None)
        return ast.copy_location(nothing, node)

    def _timed(self, magic: tuple[str, str], line: int) -> list[ast.stmt]:
        """The statements that `%time` times; none for another magic, with a note if a student may miss it."""
        name, rest = magic
        if name == "!" or name in MISSED:
            self.notes.append(_note(line, f"!{rest}" if name == "!" else f"%{name} {rest}"))
        try:
            body = ast.parse(rest).body if name == "time" else []
        except SyntaxError:
            return []
        for statement in body:
            ast.increment_lineno(statement, line - 1)
        return body


def _magic(node: ast.AST) -> tuple[str, str] | None:
    """Name and rest of a magic, ("!", command) of a shell line; None for any other node."""
    match node:
        case ast.Call(
            func=ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), "run_line_magic"),
            args=[ast.Constant(str(name)), ast.Constant(str(rest))],
        ):
            return name, rest
        case ast.Call(
            func=ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), "system" | "getoutput"),
            args=[ast.Constant(str(command))],
        ):
            return "!", command
    return None


def _note(line: int, command: str) -> Bilingual:
    shown = " ".join(command.split())
    if len(shown) > MAX_SHOWN:
        shown = f"{shown[: MAX_SHOWN - 1]}…"
    return Bilingual(f"line {line}: `{shown}` is not run in grading", f"第 {line} 行：评分时不运行 `{shown}`")
