"""`autograder build`: writes assignments/<lang>/<lab>/ from solutions/<lab>/.

The files are committed and never edited; `check=True` writes nothing and fails on a difference. Either
way it proves first that notebooks and hidden suite fit together and that no release gives anything away.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode

from autograder import chinese_prose, source
from autograder.errors import UserError
from autograder.grading.misconception import load_misconceptions
from autograder.lab import REPOSITORY
from labkit.i18n import LANGS, Lang

if TYPE_CHECKING:
    from autograder.lab import Lab

TOTAL_POINTS = 100
LEAK_LINES = 5  # this many lines in a row of a solution or a hidden test, or all of it, are a leak
LEAK_CHARACTERS = 40  # shorter passages (`return loss`) are nobody's secret
LESSON: dict[Lang, str] = {"en": "lesson.md", "zh": "lesson.zh.md"}  # released as lesson.md, where a lab has them
MADE_BY = "Made from solutions/ by `autograder build`."
IGNORED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}


def build(labs: Iterable[Lab], assignments: Path, *, check: bool = False) -> list[Path]:
    """Brings `assignments`/<lang>/<lab>/ up to date; returns the files that were written.

    Raises:
        UserError: a lab's source and hidden suite do not fit together; with `check`, files differ from what
            the sources give; there is a file that no source gives.
    """
    outdated: list[Path] = []
    unknown: list[Path] = []
    for lab in labs:
        verify(lab)
        for lang in LANGS:
            folder = assignments / lang / lab.id
            files = generate(lab, lang)
            for name, content in files.items():
                if not (folder / name).is_file() or (folder / name).read_bytes() != content:
                    outdated.append(folder / name)
                    if not check:
                        (folder / name).parent.mkdir(parents=True, exist_ok=True)
                        (folder / name).write_bytes(content)
            unknown += (path for path in _files(folder) if path.relative_to(folder).as_posix() not in files)
    if check and outdated:
        raise UserError(f"differ from solutions/, run `autograder build`: {_listed(outdated)}")
    if unknown:
        raise UserError(f"not made from solutions/, remove them: {_listed(unknown)}")
    return outdated


def generate(lab: Lab, lang: Lang) -> dict[str, bytes]:
    """File name -> content of assignments/<lang>/<lab>/: notebooks, lab.toml, lesson.md, checks/ and data/."""
    files = {
        f"{notebook}.ipynb": (nbformat.writes(source.release(lab, notebook, lang)) + "\n").encode()
        for notebook in lab.notebooks
    }
    files["lab.toml"] = _manifest(lab, lang).encode()
    if (lesson := lab.folder / LESSON[lang]).is_file():
        files["lesson.md"] = lesson.read_bytes()
    given = [path for folder in ("checks", "data") for path in _files(lab.folder / folder)]
    return files | {path.relative_to(lab.folder).as_posix(): path.read_bytes() for path in given}


def _manifest(lab: Lab, lang: str) -> str:
    """What students' tools need to know of a lab: its lab.toml without what only grading needs."""
    entries = {
        "id": lab.id, "lesson": lab.lesson, "lang": lang, "requirements": lab.requirements, "notebooks": lab.notebooks
    }  # fmt: skip
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items()]
    titles = [f"{code} = {json.dumps(lab.title.text(code), ensure_ascii=False)}" for code in LANGS]
    return "\n".join([f"# {MADE_BY}", *lines, "", "[title]", *titles, ""])


def verify(lab: Lab) -> None:
    """Raises UserError unless notebooks and hidden suite fit together and no release gives them away."""
    _verify_layer(lab)
    load_misconceptions(lab)  # an EDIT must fit the reference as it is now
    references = {notebook: source.reference(lab, notebook) for notebook in lab.notebooks}
    _verify_cells(lab, references)
    points = _check_points(lab, references)
    _verify_points(lab, problem_points(lab), points)
    _verify_public_cases(lab, points)
    hidden = [*_hidden_functions(lab)]
    for path in sorted((lab.folder / "checks").glob("*.py")):
        _verify_no_leak(path, path.read_text(encoding="utf-8"), hidden)
    for notebook, reference in references.items():
        path = source.source_path(lab, notebook)
        chinese = source.reference(lab, notebook, "zh")
        _verify_same_program(path, reference, chinese)
        _verify_stress(path, chinese)
        secrets = [*_solutions(reference), *_solutions(chinese), *hidden]
        for lang in LANGS:
            release = source.release(lab, notebook, lang)
            _verify_no_marker(path, release)
            _verify_no_leak(path, "\n".join(cell.source for cell in release.cells), secrets)


def problem_points(lab: Lab) -> dict[str, float]:
    """Problem id -> points: the sum of its `@pytest.mark.problem(id, points=...)`, read by AST.

    Raises:
        UserError: a test has no such mark, or its id or points are not literals.
    """
    points: dict[str, float] = {}
    for path, test in _test_functions(lab):
        where = f"{path}:{test.lineno}: {test.name}"
        marks = [
            mark
            for mark in test.decorator_list
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.problem"
        ]
        if len(marks) != 1:
            raise UserError(f"{where} needs one @pytest.mark.problem(id, points=..., hint=...)")
        try:
            problem = ast.literal_eval(marks[0].args[0])
            worth = ast.literal_eval(next(k.value for k in marks[0].keywords if k.arg == "points"))
        except (IndexError, StopIteration, ValueError):
            raise UserError(f"{where}: @pytest.mark.problem takes a literal id and literal points") from None
        if not isinstance(problem, str) or type(worth) not in (int, float) or not worth > 0:
            raise UserError(f"{where}: @pytest.mark.problem takes a str id and points > 0")
        points[problem] = points.get(problem, 0) + worth
    return points


def _verify_layer(lab: Lab) -> None:
    """The packages of the lab are pinned: set-up and the images install them."""
    lock = REPOSITORY / "requirements" / f"{lab.requirements}.txt"
    if not lock.is_file():
        name = f'{lab.folder / "lab.toml"}: requirements = "{lab.requirements}"'
        raise UserError(f"{name}: write requirements/{lab.requirements}.in, then run `make lock`")


def _verify_cells(lab: Lab, references: Mapping[str, NotebookNode]) -> None:
    """Solution cells are exported, check cells check their own problem, nothing else carries points."""
    for notebook, reference in references.items():
        path = source.source_path(lab, notebook)
        for cell in reference.cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            name = nbgrader.get("grade_id")
            if (nbgrader.get("solution") and nbgrader.get("grade")) or nbgrader.get("task"):
                raise UserError(f"{path}: {name} is graded by hand; points belong to check cells")
            if nbgrader.get("solution") and "export" not in cell.metadata.get("tags", []):
                raise UserError(f'{path}: the solution cell {name} needs tags=["export"] to be graded')
            if nbgrader.get("grade") and f'labkit.check("{name}")' not in cell.source:
                raise UserError(f'{path}: the check cell {name} should call labkit.check("{name}")')


def _check_points(lab: Lab, references: Mapping[str, NotebookNode]) -> dict[str, float]:
    """Problem id -> points of its check cell."""
    points: dict[str, float] = {}
    for notebook, reference in references.items():
        for cell in reference.cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            if not nbgrader.get("grade"):
                continue
            problem = nbgrader["grade_id"]
            if problem in points:
                raise UserError(f"{source.source_path(lab, notebook)}: a second check cell for {problem}")
            points[problem] = nbgrader["points"]
    return points


def _verify_points(lab: Lab, hidden: Mapping[str, float], checks: Mapping[str, float]) -> None:
    where = lab.folder / "hidden"
    if no_test := checks.keys() - hidden.keys():
        raise UserError(f"{where}: no hidden test for the check cell of {_listed(no_test)}")
    if no_cell := hidden.keys() - checks.keys():
        raise UserError(f"{lab.folder}: no check cell for the hidden tests of {_listed(no_cell)}")
    for problem in checks:
        if abs(hidden[problem] - checks[problem]) > 1e-9:
            tests, cell = hidden[problem], checks[problem]
            raise UserError(f"{where}: the tests of {problem} sum to {tests:g}, its check cell has {cell:g}")
    if abs(sum(checks.values()) - TOTAL_POINTS) > 1e-9:
        raise UserError(f"{lab.folder}: the check cells sum to {sum(checks.values()):g}, not {TOTAL_POINTS}")


def _verify_public_cases(lab: Lab, problems: Iterable[str]) -> None:
    """Every problem has a case in checks/*.py, under a title in both languages; every case has a problem."""
    where = lab.folder / "checks"
    cased: set[str] = set()
    for path, tree in _modules(where):
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        marks = [mark for function in functions for mark in function.decorator_list if isinstance(mark, ast.Call)]
        for mark in (mark for mark in marks if ast.unparse(mark.func) == "case"):
            titles = {keyword.arg for keyword in mark.keywords}
            match mark.args:
                case [ast.Constant(value=str(problem))] if titles == set(LANGS):
                    cased.add(problem)
                case _:
                    raise UserError(f'{path}:{mark.lineno}: write @case("<problem>", en="...", zh="...")')
    if missing := set(problems) - cased:
        raise UserError(f"{where}: no public case for {_listed(missing)}")
    if unknown := cased - set(problems):
        raise UserError(f"{where}: cases for {_listed(unknown)}, which no notebook has a check cell for")


def _verify_same_program(path: Path, english: NotebookNode, chinese: NotebookNode) -> None:
    """Students of both languages get the same program: the cells differ in docstrings and in strings only."""
    for cell, translated in zip(english.cells, chinese.cells, strict=True):
        if cell.cell_type == "code" and _without_words(cell.source) != _without_words(translated.source):
            raise UserError(f"{path}: the program differs between en and zh: {source.excerpt(cell)}")


def _without_words(code: str) -> str:
    """A program without its docstrings and with all strings alike; the text itself where it is not plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code
    return ast.dump(_Wordless().visit(tree))


class _Wordless(ast.NodeTransformer):
    """A string of any kind becomes an empty one: so docstrings are alike too."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("")


def _verify_stress(path: Path, chinese: NotebookNode) -> None:
    """Chinese has no italics: stress is bold, a title stands in 《》, a word that is talked about in quotes."""
    for cell in chinese.cells:
        if cell.cell_type == "markdown" and (found := chinese_prose.italics(cell.source)):
            shown = _listed(f"*{text}*" for text in found)
            raise UserError(
                f"{path}: italics in the zh cell {source.excerpt(cell)}: {shown}; write **…**, 《…》 or “…”"
            )


def _verify_no_leak(path: Path, text: str, secrets: Iterable[list[str]]) -> None:
    """No solution or hidden test, whole or LEAK_LINES in a row, stands in a text that students get."""
    text = "\n".join(_code_lines(text))
    for passage in {passage for lines in secrets for passage in _passages(lines)}:
        if f"\n{passage}\n" in f"\n{text}\n":
            raise UserError(f"{path}: the release gives away {passage.splitlines()[0]!r}...")


def _verify_no_marker(path: Path, release: NotebookNode) -> None:
    """nbgrader has cut out everything between its markers."""
    for cell in release.cells:
        for marker in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
            if marker in cell.source:
                raise UserError(f"{path}: the release still has {marker!r}: {source.excerpt(cell)}")


def _passages(lines: list[str]) -> Iterator[str]:
    for start in range(max(1, len(lines) - LEAK_LINES + 1)):
        passage = "\n".join(lines[start : start + LEAK_LINES])
        if len(passage) >= LEAK_CHARACTERS:
            yield passage


def _solutions(reference: NotebookNode) -> Iterator[list[str]]:
    """Lines of every solution region; of the whole cell where a solution cell has none."""
    for cell in reference.cells:
        regions = re.findall(r"BEGIN SOLUTION[^\n]*\n(.*?)\n[^\n]*END SOLUTION", cell.source, re.DOTALL)
        if not regions and cell.metadata.get("nbgrader", {}).get("solution"):
            regions = [cell.source]
        yield from map(_code_lines, regions)


def _hidden_functions(lab: Lab) -> Iterator[list[str]]:
    """Lines of every function of the hidden suite."""
    for path, tree in _hidden_modules(lab):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield _code_lines(ast.get_source_segment(text, node) or "")


def _test_functions(lab: Lab) -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path, tree in _hidden_modules(lab):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path, node


def _hidden_modules(lab: Lab) -> Iterator[tuple[Path, ast.Module]]:
    folder = lab.folder / "hidden"
    if not any(folder.glob("test_*.py")):
        raise UserError(f"{folder}: no test_*.py")
    return _modules(folder, "test_*.py")


def _modules(folder: Path, pattern: str = "*.py") -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.glob(pattern)):
        try:
            yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        except SyntaxError as error:
            raise UserError(f"{path}:{error.lineno}: {error.msg}") from None


def _code_lines(text: str) -> list[str]:
    """The lines without indentation and blank lines, so that a pasted passage is found wherever it stands."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not IGNORED & set(path.relative_to(folder).parts)
    )


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names)))
