"""Several notebooks in one lab: a later one builds on what the student wrote in an earlier one.

    attention = labkit.notebook("attention")
    layer = attention.MultiHeadAttention(12, 3)

In Jupyter, `notebook` reads the other notebook's file and runs the part of it that grading would run. In grading there
is no file: the grader has already loaded the submission's own notebook, and `notebook` finds it in sys.modules.
"""

import sys
from pathlib import Path
from types import ModuleType

from labkit.i18n import Bilingual, NotHere, of_folder

LOADED = "notebook:"  # sys.modules[LOADED + name]: where the grader's worker (autograder/worker/child.py) leaves it

_modules: dict[Path, tuple[int, ModuleType]] = {}  # file -> when it was written, what it defines


def notebook(name: str) -> ModuleType:
    """The names that another notebook of this lab defines, as a module: its imports, definitions and solutions.

    The file beside this notebook is read as it was last saved, and read again only after it has changed. When a cell
    of it raises, the error is printed, and only the names of that cell are missing.

    Raises:
        FileNotFoundError: there is no `name`.ipynb beside this notebook.
    """
    if loaded := sys.modules.get(LOADED + name):
        return loaded
    file = Path(f"{name}.ipynb").resolve()
    if not file.is_file():
        missing = Bilingual(f"there is no {name}.ipynb beside this notebook", f"同一文件夹里没有 {name}.ipynb")
        raise NotHere(missing)
    written = file.stat().st_mtime_ns
    if file not in _modules or _modules[file][0] != written:
        module = ModuleType(name)
        _modules[file] = written, module  # before it runs, so that a notebook that uses itself ends
        _run(file, module)
    return _modules[file][1]


def _run(file: Path, module: ModuleType) -> None:
    from labkit import rehearsal

    broken = rehearsal.load(list(rehearsal.read_cells(file)), module.__dict__, file.stem)
    for line in broken:
        print(f"{file.name}: {line.text(of_folder(Path.cwd()))}", file=sys.stderr)
