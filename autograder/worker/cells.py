"""Loads a submission's cells, inside the sandbox, into one module, as Jupyter would.

    cell ── magics.py ──> Python ── slicing.py ──> what runs of it ── here ──> names in the module

A cell that raises costs the names that it did not get to define; the others run.
"""

import __future__

import ast
import asyncio
import builtins
import inspect
import linecache
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from labkit.i18n import Bilingual, BilingualError

from .magics import Python, to_python
from .slicing import Statement, Whole, names_of_cell, needed, statements
from .told import called, joined

MODULE = "__main__"  # as in Jupyter: pickle, dataclasses and typing find the student's names by it
MAX_TEXT = 2_000  # characters of an exception's message
MAX_LINE = 200  # characters of a line of code
MAX_NAME = 100  # characters of the name of an exception's type
FUTURES = __future__.annotations.compiler_flag  # the one future statement that still changes anything
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)  # what the parser raises
# What a cell that does not parse would have defined, for the explanation.
DEFINES = re.compile(r"^(?:(?:async[ ]+)?def|class)[ ]+(\w+)|^(\w+)[ ]*=(?!=)", re.MULTILINE)

NOT_TEXT = Bilingual("too deeply nested, or not text", "嵌套过深，或者不是文本")

_cell_names: dict[str, str] = {}  # filename -> cell, of every cell loaded into this process


class NotWritten(BilingualError, AttributeError):
    """A notebook does not define a name that is needed."""


@dataclass(frozen=True)
class Raised:
    """What student code raised, and the last of its lines that the exception passed through; no line: it had none."""

    type: str
    message: Bilingual
    cell: str = ""
    line: int = 0
    text: str = ""

    def told(self) -> Bilingual:
        """In a sentence about the cell."""
        cell = called(self.cell)
        where = Bilingual(
            f"{cell.en} raised {self.type} on line {self.line}", f"{cell.zh}第 {self.line} 行抛出 {self.type}"
        )
        return joined(where, self.message)


@dataclass
class CellResult:
    """What happened to one cell of the program."""

    name: str
    role: Literal["release", "solution", "added"]
    status: Literal["ran", "raised", "unused", "left out"] = "unused"
    names: frozenset[str] = frozenset()  # those that the cell defines at its top level, as far as one can see
    error: Raised | None = None
    reason: Bilingual = field(default_factory=Bilingual)  # why it was left out
    notes: tuple[Bilingual, ...] = ()


@dataclass
class Loaded:
    """The student's module."""

    module: types.ModuleType
    wanted: Mapping[str, str]  # name -> the solution cell that should define it
    results: list[CellResult] = field(default_factory=list)

    @property
    def namespace(self) -> dict[str, Any]:
        """The student's global names."""
        return self.module.__dict__

    def explain(self, name: str) -> Bilingual:
        """Why the global `name` is not there, for the student."""
        return joined(Bilingual(f"`{name}` is not defined", f"`{name}` 没有定义"), self._why_missing(name))

    def _why_missing(self, name: str) -> Bilingual:
        for result in reversed(self.results):
            cell = called(result.name)
            if name in result.names and result.error:
                return result.error.told()
            if name in result.names and result.status == "left out":
                why = result.reason
                return Bilingual(f"{cell.en} was left out ({why.en})", f"{cell.zh}已跳过（{why.text('zh')}）")
        if name not in self.wanted:
            return Bilingual()
        cell = called(self.wanted[name])
        if any(result.name == self.wanted[name] for result in self.results):
            return Bilingual(f"{cell.en} does not define it", f"{cell.zh}没有定义它")
        return Bilingual(f"the notebook has no {cell.en}", f"笔记本里没有 {cell.zh}")

    def missing(self, name: str) -> NoReturn:
        """The module's `__getattr__`: a notebook that uses this one asks for a name that is not there."""
        raise NotWritten(self.explain(name))

    def summary(self) -> list[Bilingual]:
        """What the student should know about the loading: what was not run, and what raised."""
        errors = [result.error.told() for result in self.results if result.error and result.status == "raised"]
        notes = [
            Bilingual(f"{called(result.name).en}, {note.en}", f"{called(result.name).zh}{note.zh}")
            for result in self.results
            for note in result.notes
        ]
        return errors + notes


def load(
    cells: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, str],
    skip: Mapping[str, Bilingual],
    tell: Callable[[int], None],
) -> Loaded:
    """Runs a program (autograder/grading/program.py) in a new module, which becomes `__main__`.

    Release and solution cells run whole, added cells as far as they are needed (slicing.py). A cell stops at
    what it raises, SystemExit too; the next one runs.

    Args:
        cells: dicts of `source`, `role` and `name`, in order.
        wanted: the names that the tests look up, each with the solution cell that should define it.
        skip: index of a cell, as text -> why it is to be left out: it ended the process the last time.
        tell: called with a cell's index just before it is parsed, and again just before it runs.
    """
    loaded = Loaded(_new_module(), wanted, [CellResult(cell["name"], cell["role"]) for cell in cells])
    parsed: list[Python | None] = []
    for index, (cell, result) in enumerate(zip(cells, loaded.results, strict=True)):
        if str(index) in skip:
            result.status, result.reason = "left out", skip[str(index)]
            result.names = _names_at_a_glance(cell["source"])
            parsed.append(None)
            continue
        tell(index)  # parsing a hostile cell can take longer than running an honest one
        parsed.append(_parse(cell["source"], result))
    bodies = _slice(parsed, loaded)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for index, (python, body) in enumerate(zip(parsed, bodies, strict=True)):
        result = loaded.results[index]
        if python is None or not body:
            continue
        tell(index)
        filename = _register(result.name, python.text)
        try:
            code = compile(ast.Module(body, []), filename, "exec", flags, dont_inherit=True)
        except NOT_PYTHON as error:
            result.status, result.error = "raised", _syntax_error(error, result.name, python.text)
            continue
        flags |= code.co_flags & FUTURES  # as in Jupyter, it holds for the cells below
        result.status = "ran"
        try:
            value = eval(code, loaded.namespace)
            if code.co_flags & inspect.CO_COROUTINE:  # the cell awaits at its top level
                asyncio.run(value)
        except BaseException as error:
            result.status, result.error = "raised", raised(error)
    loaded.namespace["__getattr__"] = loaded.missing
    return loaded


def cell_name(filename: str) -> str | None:
    """The cell that was compiled under a filename; None for code that is not the student's."""
    return _cell_names.get(filename)


def _parse(source: str, result: CellResult) -> Python | None:
    """The cell as Python; None, and the error in `result`, if it is not Python."""
    try:
        python = to_python(source)
    except NOT_PYTHON as error:
        _refuse(error, result, source)
        return None
    result.notes = python.notes
    return python


def _slice(parsed: Sequence[Python | None], loaded: Loaded) -> list[list[ast.stmt]]:
    """What runs of each cell; the names of each cell go into its result."""
    wholes: list[Whole] = []
    added: list[Statement] = []
    bodies: list[list[ast.stmt]] = [[] for _ in parsed]
    for index, (python, result) in enumerate(zip(parsed, loaded.results, strict=True)):
        if python is None:
            continue
        try:
            if result.role == "added":
                added += (own := statements(index, python))
                result.names = frozenset().union(*(statement.names.binds for statement in own))
            else:
                wholes.append(Whole(index, result.role, names := names_of_cell(python)))
                result.names, bodies[index] = names.binds, python.tree.body
        except NOT_PYTHON as error:  # names that are declared global too late, and the like
            _refuse(error, result, python.text)
    # A cell that is not Python cannot define its names; an added cell may.
    orphans = [name for result in loaded.results if result.status == "raised" for name in result.names]
    for statement in needed(wholes, added, [*loaded.wanted, *orphans]):
        bodies[statement.cell].append(statement.node)
    return bodies


def _refuse(error: BaseException, result: CellResult, text: str) -> None:
    """Notes in `result` that its cell is not Python. An added cell is then not reported: nothing may need it."""
    result.error = _syntax_error(error, result.name, text)
    result.names = _names_at_a_glance(text)
    if result.role != "added":
        result.status = "raised"


def _names_at_a_glance(text: str) -> frozenset[str]:
    """What a cell that is not parsed would have defined."""
    return frozenset(match[1] or match[2] for match in DEFINES.finditer(text))


def _syntax_error(error: BaseException, cell: str, text: str) -> Raised:
    """The parser's error. One that is not a SyntaxError means that the text is beyond the parser's limits."""
    if not isinstance(error, SyntaxError):
        return Raised("SyntaxError", NOT_TEXT, cell, 1)
    line = error.lineno or 1
    lines = text.split("\n")
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    return Raised(type(error).__name__, Bilingual(error.msg), cell, line, shown[:MAX_LINE])


def raised(error: BaseException) -> Raised:
    """What student code raised; the line is the last of its own that the exception passed through."""
    cell, line, text = "", 0, ""
    traceback = error.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if name := cell_name(filename):
            cell, line = name, traceback.tb_lineno
            text = linecache.getline(filename, line).strip()[:MAX_LINE]
        traceback = traceback.tb_next
    return Raised(type(error).__name__[:MAX_NAME], _message(error), cell, line, text)


def _message(error: BaseException) -> Bilingual:
    """An exception's own text, in both languages where the exception is one of ours."""
    try:
        if isinstance(error, BilingualError) and isinstance(error.text, Bilingual):
            return Bilingual(error.text.en[:MAX_TEXT], error.text.zh[:MAX_TEXT])
        return Bilingual(str(error)[:MAX_TEXT])
    except BaseException as second:
        kind = type(second).__name__
        return Bilingual(f"(its message could not be made: {kind})", f"（错误信息无法生成：{kind}）")


def _register(cell: str, text: str) -> str:
    """A filename for a cell, under which tracebacks and inspect.getsource find its text."""
    copies = sum(name == cell for name in _cell_names.values())
    filename = f"<{cell} #{copies + 1}>" if copies else f"<{cell}>"
    _cell_names[filename] = cell
    lines = [f"{line}\n" for line in text.split("\n")]
    linecache.cache[filename] = (
        len(text),
        None,
        lines,
        filename,
    )  # without a time of change, linecache never looks for it on disk
    return filename


def _new_module() -> types.ModuleType:
    module = types.ModuleType(MODULE)
    module.__dict__.update(__builtins__=builtins, display=_display, get_ipython=_Shell)
    sys.modules[MODULE] = module
    return module


class _Shell:
    """What get_ipython() returns in grading: nobody is there to look, and no shell runs."""

    def run_line_magic(self, *args: object, **options: object) -> None:
        """Does nothing."""

    def run_cell_magic(self, *args: object, **options: object) -> None:
        """Does nothing."""

    def system(self, command: str) -> None:
        """Does nothing."""

    def getoutput(self, command: str) -> list[str]:
        """No lines."""
        return []


def _display(*objects: object, **options: object) -> None:
    """Shows nothing: there is nobody to look."""
