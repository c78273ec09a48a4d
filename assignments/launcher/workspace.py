"""Where things lie on the student's machine: releases, the student's work, and what was handed in.

assignments/<lang>/<lab>/              the release, never changed
work/<lab>/                            the student's work, never overwritten
work/.submissions/<lab>/<stamp>/       a copy of each hand-in, with report.json beside the notebooks

lab.toml and checks/ in the student's folder are the course's: each start brings them up to date.
"""

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import labkit
from labkit import i18n, outline
from labkit.i18n import Bilingual, Lang
from labkit.outline import Lesson


class LabError(Exception):
    """A call that cannot be carried out; `text` is one line that says what to do."""

    def __init__(self, text: Bilingual) -> None:
        super().__init__(text.en)
        self.text = text


@dataclass(frozen=True)
class Release:
    """A lab as students get it: what the lab.toml of its release says. `name` is the lab's id."""

    lesson: Lesson
    name: str
    title: Bilingual
    requirements: str  # the layer of packages that its notebooks need
    notebooks: tuple[str, ...]  # in the lab's order, without .ipynb

    @classmethod
    def read(cls, folder: Path) -> "Release":
        """The release in `folder`."""
        data = tomllib.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        title = Bilingual(**data["title"])
        lesson = outline.find(data["lesson"]) or Lesson(data["lesson"], title)
        return cls(lesson, data["id"], title, data["requirements"], tuple(data["notebooks"]))


@dataclass(frozen=True)
class HandIn:
    """A saved copy of what was handed in, and the grader's report on it once there is one."""

    folder: Path

    @property
    def time(self) -> datetime:
        return datetime.strptime(self.folder.name[:15], _STAMP)

    def report(self) -> dict[str, Any] | None:
        file = self.folder / "report.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def keep_report(self, text: bytes) -> dict[str, Any]:
        """Put the grader's JSON beside the notebooks; returns what it says."""
        report = json.loads(text)
        unfinished = self.folder / ".report.json"
        unfinished.write_bytes(text)
        unfinished.replace(self.folder / "report.json")
        return report


class Workspace:
    """The course's tree at `root`; without it, the one that this labkit is part of."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path(labkit.__file__).resolve().parents[2]
        self.work = self.root / "work"

    # ---- labs ------------------------------------------------------------------------------------------

    def labs(self) -> Iterator[Release]:
        """The labs that are built, by lesson."""
        for manifest in sorted((self.root / "assignments" / "en").glob(f"*/{_MANIFEST}")):
            yield Release.read(manifest.parent)

    def find(self, number: str) -> Release:
        """The lab of a lesson; LabError when the outline has no such lesson, or its lab is not built yet."""
        built = {lab.lesson.number: lab for lab in self.labs()}
        if found := built.get(number.zfill(2)):
            return found
        en, zh = ", ".join(built) or "none", "、".join(built) or "无"
        lesson = outline.find(number)
        if lesson is None:
            raise LabError(
                Bilingual(
                    f"The outline has no lesson {number.removeprefix('0')}. Labs that are built: {en}.",
                    f"课程大纲中没有第 {number.removeprefix('0')} 课。已有的实验：{zh}。",
                )
            )
        raise LabError(
            Bilingual(
                f"Lab {lesson.number} ({lesson.title.en}) is not built yet. Labs that are built: {en}.",
                f"实验 {lesson.number}（{lesson.title.zh}）尚未完成。已有的实验：{zh}。",
            )
        )

    def release(self, lab: Release, lang: Lang) -> Path:
        """The released folder of `lab`, in English where there is no translation."""
        folder = self.root / "assignments" / lang / lab.name
        return folder if folder.is_dir() else self.root / "assignments" / "en" / lab.name

    # ---- the student's work ----------------------------------------------------------------------------

    def folder(self, lab: Release) -> Path:
        return self.work / lab.name

    def started(self, lab: Release) -> Path:
        """The student's folder of `lab`; LabError when the lab was not started."""
        folder = self.folder(lab)
        if not folder.is_dir():
            start = f"make lab-{lab.lesson.number}"
            raise LabError(
                Bilingual(
                    f"Lab {lab.lesson.number} is not started yet: `{start}` starts it.",
                    f"实验 {lab.lesson.number} 还没有开始：请运行 `{start}`。",
                )
            )
        return folder

    def start(self, lab: Release, lang: Lang) -> Path:
        """The student's folder: a copy of the release the first time, as the student left it ever after.

        Only what is the course's own in it, lab.toml and checks/, follows the release.
        """
        folder, release = self.folder(lab), self.release(lab, lang)
        if not folder.is_dir():
            unfinished = self.work / f".{lab.name}.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(release, unfinished)
            unfinished.rename(folder)  # all of it is there, or nothing
        elif not any(folder.iterdir()):  # mounted empty into a container: it can be filled, but not replaced
            shutil.copytree(release, folder, dirs_exist_ok=True)
        else:
            _bring_up_to_date(folder, release)
        return folder

    def reset(self, lab: Release) -> Path:
        """Move the student's folder aside, under a name with the time; returns the new place."""
        aside = _unused(self.work / f"{lab.name}.{_stamp()}")
        return self.started(lab).rename(aside)

    def language(self, lab: Release) -> Lang:
        """The language that the lab was started in, else the locale's."""
        started = (self.folder(lab) / _MANIFEST).is_file()
        return i18n.of_folder(self.folder(lab)) if started else i18n.of_locale()

    def notebooks(self, lab: Release) -> list[Path]:
        """The lab's notebooks in the student's folder, in the lab's order; LabError when one is missing."""
        notebooks = [self.started(lab) / f"{name}.ipynb" for name in lab.notebooks]
        for notebook in notebooks:
            if not notebook.is_file():
                raise LabError(
                    Bilingual(
                        f"{self.shown(notebook)} is missing: put it back under that name.",
                        f"找不到 {self.shown(notebook)}：请按原文件名放回去。",
                    )
                )
        return notebooks

    # ---- hand-ins --------------------------------------------------------------------------------------

    def hand_in(self, lab: Release) -> HandIn:
        """Copy the notebooks as they are now to a place of their own."""
        notebooks = self.notebooks(lab)
        folder = _unused(self.work / ".submissions" / lab.name / _stamp())
        folder.mkdir(parents=True)
        for notebook in notebooks:
            shutil.copy2(notebook, folder)
        return HandIn(folder)

    def hand_ins(self, lab: Release) -> list[HandIn]:
        """All hand-ins of `lab`, oldest first."""
        return [HandIn(folder) for folder in sorted((self.work / ".submissions" / lab.name).glob("*/"))]

    def shown(self, path: Path) -> str:
        """`path` as the student sees it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


_STAMP = "%Y%m%d-%H%M%S"
_MANIFEST = "lab.toml"


def _bring_up_to_date(folder: Path, release: Path) -> None:
    """Give `folder` the release's lab.toml and checks/, file by file where they differ."""
    for source in (release / _MANIFEST, *sorted((release / "checks").glob("*.py"))):
        target = folder / source.relative_to(release)
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)


def _stamp() -> str:
    return datetime.now().strftime(_STAMP)


def _unused(path: Path) -> Path:
    """`path`, with a number at its end when two calls meet in one second."""
    candidate, number = path, 2
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


if __name__ == "__main__":  # asked by set-up, before it installs anything for a lab that is not there
    try:
        Workspace().find(sys.argv[1])
    except LabError as error:
        sys.exit(error.text.text(i18n.of_terminal()))
