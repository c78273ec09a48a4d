"""`autograder build`: writes assignments/<lang>/<lab>/ from solutions/<lab>/.

The files are committed and never edited; `check=True` writes nothing and fails on a difference. Either
way it proves first that notebooks and hidden suite fit together and that no release gives anything away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from autograder import source
from autograder.authoring.verify import verify
from autograder.errors import UserError, listed
from labkit.i18n import LANGS, Lang

if TYPE_CHECKING:
    from autograder.lab import Lab

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
        raise UserError(f"differ from solutions/, run `autograder build`: {listed(outdated)}")
    if unknown:
        raise UserError(f"not made from solutions/, remove them: {listed(unknown)}")
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


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not IGNORED & set(path.relative_to(folder).parts)
    )
