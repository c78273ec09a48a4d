"""The one source of a lab's notebook, and the notebooks that come from it.

`solutions/<lab>/<notebook>.py` (jupytext percent) holds both languages and the solutions. From it come the
reference (one language, solutions in) and the release (one language, solutions out), which nbgrader's own
preprocessors make. What one language of a cell is, say bilingual_code and chinese_prose.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors as nbgrader_preprocessors
from nbgrader.nbgraderformat import SchemaTooNewError, SchemaTooOldError, ValidationError

from autograder import bilingual_code, chinese_prose
from autograder.errors import UserError
from labkit.i18n import LANGS

if TYPE_CHECKING:
    from autograder.lab import Lab


@dataclass(frozen=True, slots=True)
class ReleaseCell:
    """One code cell of the released notebook.

    `source` is what students get. `solution`: the student fills it in. `export`: grading runs it.
    `translations`: what students of the other languages get; the program is the same.
    """

    source: str
    grade_id: str | None
    solution: bool
    export: bool
    translations: tuple[str, ...] = ()


# nbgrader.converters.GenerateAssignment in its own order, without the steps that need a course folder or a
# database (IncludeHeaderFooter, InstantiateTests, SaveCells).
RELEASE_PREPROCESSORS = (
    nbgrader_preprocessors.LockCells,
    nbgrader_preprocessors.ClearSolutions,
    nbgrader_preprocessors.ClearOutput,
    nbgrader_preprocessors.CheckCellMetadata,
    nbgrader_preprocessors.ComputeChecksums,
    nbgrader_preprocessors.ClearHiddenTests,
    nbgrader_preprocessors.ClearMarkScheme,
    nbgrader_preprocessors.ComputeChecksums,
    nbgrader_preprocessors.CheckCellMetadata,
)

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "pygments_lexer": "ipython3",
}
# What nbgrader's preprocessors refuse a notebook with.
REFUSALS = (RuntimeError, ValueError, KeyError, ValidationError, SchemaTooOldError, SchemaTooNewError)
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # nbformat 4.5

# nbgrader logs whole cells and tracebacks; the UserError says it in one line.
_quiet = logging.getLogger("autograder.nbgrader")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


def source_path(lab: Lab, notebook: str) -> Path:
    """Where the source of a notebook of `lab` stands."""
    return lab.folder / f"{notebook}.py"


def read(lab: Lab, notebook: str) -> NotebookNode:
    """The source as a notebook: both languages, solutions in, cell ids that survive edits of other cells.

    Raises:
        UserError: there is no such source, or its prose does not stand in pairs, `en` followed by `zh`.
    """
    path = source_path(lab, notebook)
    try:
        node = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    except FileNotFoundError:
        raise UserError(f"{path} is missing: lab.toml names the notebook {notebook!r}") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: {_first_line(error)}") from None
    for cell in node.cells:
        # jupytext's notes on blank lines; they would change the notebook whenever the source is reformatted.
        for key in [key for key in cell.metadata if key.startswith("lines_to_")]:
            del cell.metadata[key]
    _check_prose(path, node)
    _set_cell_ids(node)
    node.nbformat, node.nbformat_minor = 4, 5
    node.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO})
    return node


def reference(lab: Lab, notebook: str, lang: str = "en") -> NotebookNode:
    """The notebook in one language with its solutions in: what a perfect student would hand in.

    Raises:
        UserError: a docstring or a `say` of a cell is not in two languages.
    """
    node = read(lab, notebook)
    node.cells = [cell for cell in node.cells if cell.cell_type != "markdown" or lang in _tags(cell)]
    for cell in node.cells:
        cell.source = _in_language(source_path(lab, notebook), cell, lang)
        tags = [tag for tag in cell.metadata.get("tags", []) if tag not in LANGS]
        if tags:
            cell.metadata["tags"] = tags
        else:
            cell.metadata.pop("tags", None)
    node.metadata["llm101"] = NotebookNode(
        lab=lab.id, notebook=notebook, position=lab.notebooks.index(notebook) + 1, lang=lang
    )
    return node


def release(lab: Lab, notebook: str, lang: str = "en") -> NotebookNode:
    """The notebook in one language as students get it: solutions cleared, check cells locked, checksums set.

    Raises:
        UserError: nbgrader's preprocessors refuse the source, e.g. BEGIN SOLUTION without END SOLUTION.
    """
    node = reference(lab, notebook, lang)
    resources: dict[str, Any] = {}
    for preprocessor in RELEASE_PREPROCESSORS:
        try:
            node, resources = preprocessor(log=_quiet).preprocess(node, resources)
        except REFUSALS as error:
            raise UserError(f"{source_path(lab, notebook)}: {_first_line(error)}") from None
    return node


def release_cells(lab: Lab, notebook: str) -> tuple[ReleaseCell, ...]:
    """The code cells of the release in order: what grading takes the teacher's cells from, and knows them by."""
    english, *others = (code_cells(release(lab, notebook, lang)) for lang in LANGS)
    return tuple(
        replace(cell, translations=tuple(other.source for other in translated))
        for cell, *translated in zip(english, *others, strict=True)
    )


def code_cells(release: NotebookNode) -> tuple[ReleaseCell, ...]:
    """The code cells of a release in order."""
    return tuple(
        ReleaseCell(
            source=cell.source,
            grade_id=cell.metadata.get("nbgrader", {}).get("grade_id"),
            solution=bool(cell.metadata.get("nbgrader", {}).get("solution")),
            export="export" in _tags(cell),
        )
        for cell in release.cells
        if cell.cell_type == "code"
    )


def _in_language(path: Path, cell: NotebookNode, lang: str) -> str:
    """What a cell says in one language: its docstrings and messages, and its prose in lines that suit the language."""
    if cell.cell_type == "markdown":
        return chinese_prose.joined(cell.source) if lang == "zh" else cell.source
    if cell.cell_type != "code":
        return cell.source
    try:
        return bilingual_code.in_language(cell.source, lang)
    except bilingual_code.NotBilingual as problem:
        raise UserError(f"{path}:{_line(path, cell) + problem.line}: {problem}, in the cell {excerpt(cell)}") from None


def _line(path: Path, cell: NotebookNode) -> int:
    """How many lines of the source stand before a cell; 0 for one with magics, which the source has as comments."""
    text = path.read_text(encoding="utf-8")
    return text[: max(text.find(cell.source), 0)].count("\n")


def _tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _check_prose(path: Path, node: NotebookNode) -> None:
    """Prose stands in pairs: a markdown cell tagged `en`, then one tagged `zh`."""
    english: NotebookNode | None = None
    for cell in [*node.cells, None]:
        languages = _tags(cell) & set(LANGS) if cell is not None else set()
        is_prose = cell is not None and cell.cell_type == "markdown"
        if is_prose and len(languages) != 1:
            raise UserError(f'{path}: tag this markdown cell ["en"] or ["zh"]: {excerpt(cell)}')
        if english is not None and languages != {"zh"}:
            raise UserError(f"{path}: no zh cell follows the en cell: {excerpt(english)}")
        if english is None and languages == {"zh"}:
            raise UserError(f"{path}: no en cell precedes the zh cell: {excerpt(cell)}")
        english = cell if languages == {"en"} else None


def _set_cell_ids(node: NotebookNode) -> None:
    """The grade_id where there is one, else a digest of the source; a zh cell has the id of its en cell.

    So a cell keeps its id when others come and go, and the notebooks of both languages have the same ids.
    """
    seen: Counter[str] = Counter()
    previous = ""
    for cell in node.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if not CELL_ID.fullmatch(name):
            name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        if "zh" in _tags(cell):
            cell.id = previous
            continue
        seen[name] += 1
        cell.id = previous = name if seen[name] == 1 else f"{name[:60]}-{seen[name]}"


def excerpt(cell: NotebookNode) -> str:
    """The beginning of a cell, for an error message."""
    return repr(cell.source.strip().split("\n")[0][:60])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
