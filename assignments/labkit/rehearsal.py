"""All public checks of a notebook from the terminal: `python -m labkit.rehearsal WORK.ipynb RELEASE.ipynb LANG`.

Runs in a process of its own what grading would run (the exported cells, and definitions from other cells that
they use), then the public cases of every problem of the release. `lab check` starts it.
"""

import ast
import json
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labkit.check import FOOTNOTE, Result, cases_of, in_one_line, run_cases
from labkit.i18n import Bilingual, Lang, parse

COLON = Bilingual(": ", "：")


@dataclass(frozen=True)
class Cell:
    """A code cell: its number as Jupyter counts from 1, its plain Python, and whether grading runs it."""

    number: int
    source: str
    exported: bool


def main(arguments: list[str]) -> int:
    """0 when every public case passed, 1 when not, 2 when the notebook cannot be read."""
    work, release, lang = Path(arguments[0]), Path(arguments[1]), parse(arguments[2])
    console = Console()
    try:
        cells = list(read_cells(work))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        refusal = Bilingual(f"{work.name} is not a readable notebook: {error}", f"无法读取笔记本 {work.name}：{error}")
        Console(stderr=True).print(refusal.text(lang), markup=False)
        return 2
    with console.status(Bilingual("Running the cells", "正在运行单元格").text(lang)) as status:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        broken = load(cells, namespace)
        results = {}
        for problem in problems_of(release):
            status.update(problem)
            results[problem] = run_cases(cases_of(problem, release.parent), namespace, lang)
    console.print(as_table(results, lang), FOOTNOTE.text(lang))
    for line in broken:
        console.print(f"[yellow]{escape(line.text(lang))}[/]", highlight=False)
    return 0 if all(result.outcome == "passed" for problem in results.values() for result in problem) else 1


def read_cells(notebook: Path) -> Iterator[Cell]:
    """The code cells of a notebook, with IPython's syntax turned into Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        metadata = cell.get("metadata", {})
        exported = "export" in metadata.get("tags", []) or metadata.get("nbgrader", {}).get("solution", False)
        yield Cell(number, TransformerManager().transform_cell("".join(cell["source"])), exported)


def problems_of(release: Path) -> list[str]:
    """The ids of the problems of a released notebook: the grade ids of its check cells."""
    cells = json.loads(release.read_text(encoding="utf-8"))["cells"]
    marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
    return [mark["grade_id"] for mark in marks if mark.get("grade")]


def load(cells: list[Cell], namespace: dict[str, Any], notebook: str = "") -> list[Bilingual]:
    """Run in `namespace` what grading would run; a line for each cell that raised. Tracebacks name the `notebook`."""
    namespace["get_ipython"] = _NoMagics
    broken = []
    helpers = _Helpers(cells)
    for cell in cells:
        file = f"<{notebook} cell {cell.number}>" if notebook else f"<cell {cell.number}>"
        source = cell.source if cell.exported else helpers.used_from(cell)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            exec(compile(source, file, "exec"), namespace)
        except (Exception, SystemExit) as error:
            told = in_one_line(error)
            broken.append(Bilingual(f"Cell {cell.number}: {told.en}", f"第 {cell.number} 个单元格：{told.text('zh')}"))
    return broken


class _Helpers:
    """Functions, classes and imports in cells without the export tag that the exported cells need."""

    def __init__(self, cells: list[Cell]) -> None:
        self._definitions = {cell.number: _definitions(cell.source) for cell in cells if not cell.exported}
        wanted = {name for cell in cells if cell.exported for name in _names_used(_parse(cell.source))}
        defined = {name for cell in cells if cell.exported for name in _definitions(cell.source)}
        self._wanted: set[str] = set()
        todo = wanted - defined
        while todo:
            name = todo.pop()
            self._wanted.add(name)
            for definitions in self._definitions.values():
                if name in definitions:
                    todo |= _names_used(definitions[name]) - self._wanted - defined

    def used_from(self, cell: Cell) -> str:
        """The part of `cell` that is needed, on the lines where the student wrote it."""
        nodes = {node for name, node in self._definitions[cell.number].items() if name in self._wanted}
        kept = {line for node in nodes for line in range(_first(node), (node.end_lineno or node.lineno) + 1)}
        lines = cell.source.splitlines()
        return "\n".join(line if number in kept else "" for number, line in enumerate(lines, start=1))


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # told when the cell is run
        return ast.Module([], type_ignores=[])


def _definitions(source: str) -> dict[str, ast.stmt]:
    """The top-level functions, classes and imports of a cell by the names they bind."""
    found: dict[str, ast.stmt] = {}
    for node in _parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0]: node for alias in node.names}
    return found


def _first(node: ast.stmt) -> int:
    """The first line of a statement, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _names_used(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


class _NoMagics:
    """Stands for IPython's shell: magics in exported cells do nothing here, as in grading."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


def as_table(results: dict[str, list[Result]], lang: Lang) -> Table:
    """One row per problem: how many public cases passed, and what the others say."""
    table = Table()
    table.add_column(Bilingual("Problem", "题目").text(lang))
    table.add_column(Bilingual("Public checks", "公开检查").text(lang))
    table.add_column(Bilingual("What to look at", "提示").text(lang), overflow="fold")
    for problem, cases in results.items():
        passed = sum(case.outcome == "passed" for case in cases)
        colour = "green" if passed == len(cases) else "red" if passed else "yellow"
        table.add_row(problem, f"[{colour}]{passed} / {len(cases)}[/]", "\n".join(_notes(cases, lang)))
    return table


def _notes(cases: list[Result], lang: Lang) -> list[str]:
    if all(case.outcome == "unwritten" for case in cases):
        return [cases[0].message]
    failed = [case for case in cases if case.outcome != "passed"]
    return [f"{escape(case.title)}{COLON.text(lang)}[dim]{escape(case.message)}[/]" for case in failed]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
