"""The table of lessons in README.md and README.zh-CN.md, from the outline and the released lab.toml files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from autograder.errors import UserError
from labkit import outline
from labkit.i18n import Lang

READMES: dict[Lang, str] = {"en": "README.md", "zh": "README.zh-CN.md"}
HEADS: dict[Lang, str] = {"en": "| | lesson | lab |", "zh": "| | 课程 | 实验 |"}
BEGIN, END = "<!-- lessons: written by `make build` -->\n", "<!-- /lessons -->\n"


def write(repository: Path, *, check: bool = False) -> list[Path]:
    """Brings the tables up to date; returns the files that were written.

    Raises:
        UserError: a README lacks the two marks between which its table stands; with `check`, a table differs.
    """
    outdated = []
    for lang, name in READMES.items():
        path = repository / name
        text = path.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise UserError(f"{path}: no place for the table of lessons, between {BEGIN.strip()} and {END.strip()}")
        made = f"{before}{BEGIN}{table(repository / 'assignments', lang)}{END}{after}"
        if made != text:
            outdated.append(path)
            if not check:
                path.write_text(made, encoding="utf-8")
    if check and outdated:
        raise UserError(f"the table of lessons is out of date, run `autograder build`: {', '.join(map(str, outdated))}")
    return outdated


def table(assignments: Path, lang: Lang) -> str:
    """A row for each lesson of the outline, with a link to its lab where that is built."""
    labs = {lab["lesson"]: lab for lab in _released(assignments / lang)}
    rows = [HEADS[lang], "|---|---|---|"]
    for lesson in outline.LESSONS:
        lab = labs.get(lesson.number)
        link = f"[{lab['title'][lang]}](assignments/{lang}/{lab['id']})" if lab else ""
        rows.append(f"| {lesson.number} | {lesson.title.text(lang)} | {link} |")
    return "".join(f"{row}\n" for row in rows)


def _released(folder: Path) -> list[dict[str, Any]]:
    return [tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("lab-*/lab.toml"))]
