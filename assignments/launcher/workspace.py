"""Where things lie on the student's machine: releases, the student's work, and what was submitted.

assignments/<lang>/lab-NN-slug/              the release, never changed
work/lab-NN-slug/                            the student's work, never overwritten
work/.submissions/lab-NN-slug/<stamp>/       a copy of each submission, with report.json beside the notebooks
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
from labkit.i18n import Lang, pick
from labkit.outline import Lesson


class LabError(Exception):
    """A call that cannot be carried out; the message is one line that says what to do."""


@dataclass(frozen=True)
class Lab:
    """A lesson whose lab is built: `name` is "lab-NN-slug"."""

    lesson: Lesson
    name: str


@dataclass(frozen=True)
class Submission:
    """A saved copy of what was submitted, and the grader's report on it once there is one."""

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

    def labs(self) -> Iterator[Lab]:
        """The labs that are built, in the order of the outline."""
        for lesson in outline.LESSONS:
            for folder in sorted((self.root / "assignments" / "en").glob(f"lab-{lesson.number}-*")):
                yield Lab(lesson, folder.name)

    def find(self, number: str) -> Lab:
        """The lab of a lesson; LabError when the outline has no such lesson, or its lab is not built yet."""
        lesson = outline.find(number)
        built = {lab.lesson: lab for lab in self.labs()}
        there = ", ".join(lesson.number for lesson in built) or pick("none", "无")
        if lesson is None:
            raise LabError(
                pick(
                    f"The outline has no lesson {number.removeprefix('0')}. Labs that are built: {there}.",
                    f"课程大纲中没有第 {number.removeprefix('0')} 课。已有的实验：{there}。",
                )
            )
        if lesson not in built:
            raise LabError(
                pick(
                    f"Lab {lesson.number} ({lesson.en}) is not built yet. Labs that are built: {there}.",
                    f"实验 {lesson.number}（{lesson.zh}）尚未完成。已有的实验：{there}。",
                )
            )
        return built[lesson]

    def release(self, lab: Lab, lang: Lang) -> Path:
        """The released folder of `lab`, in English where there is no translation."""
        folder = self.root / "assignments" / lang / lab.name
        return folder if folder.is_dir() else self.root / "assignments" / "en" / lab.name

    def facts(self, lab: Lab) -> dict[str, Any]:
        """What the release's lab.toml says: title, notebooks in their order, ..."""
        return tomllib.loads((self.release(lab, "en") / "lab.toml").read_text(encoding="utf-8"))

    # ---- the student's work ----------------------------------------------------------------------------

    def folder(self, lab: Lab) -> Path:
        return self.work / lab.name

    def started(self, lab: Lab) -> Path:
        """The student's folder of `lab`; LabError when the lab was not started."""
        folder = self.folder(lab)
        if not folder.is_dir():
            start = f"make lab-{lab.lesson.number}"
            raise LabError(
                pick(
                    f"Lab {lab.lesson.number} is not started yet: `{start}` starts it.",
                    f"实验 {lab.lesson.number} 还没有开始：请运行 `{start}`。",
                )
            )
        return folder

    def start(self, lab: Lab, lang: Lang) -> Path:
        """The student's folder: a copy of the release the first time, as the student left it ever after."""
        folder = self.folder(lab)
        if not folder.is_dir():
            unfinished = self.work / f".{lab.name}.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(self.release(lab, lang), unfinished)
            (unfinished / _LANGUAGE_FILE).write_text(lang)
            unfinished.rename(folder)  # all of it is there, or nothing
        elif not any(folder.iterdir()):  # mounted empty into a container: it can be filled, but not replaced
            shutil.copytree(self.release(lab, lang), folder, dirs_exist_ok=True)
            (folder / _LANGUAGE_FILE).write_text(lang)
        return folder

    def reset(self, lab: Lab) -> Path:
        """Move the student's folder aside, under a name with the time; returns the new place."""
        aside = _unused(self.work / f"{lab.name}.{_stamp()}")
        return self.started(lab).rename(aside)

    def language(self, lab: Lab) -> Lang:
        """The language asked for now, else the one that the lab was started in, else the locale's."""
        remembered = self.folder(lab) / _LANGUAGE_FILE
        if i18n.chosen() is None and remembered.is_file():
            return i18n.parse(remembered.read_text().strip())
        return i18n.current()

    def notebooks(self, lab: Lab) -> list[Path]:
        """The lab's notebooks in the student's folder, in the lab's order; LabError when one is missing."""
        released = sorted(self.release(lab, "en").glob("*.ipynb"), key=_position)
        notebooks = [self.started(lab) / file.name for file in released]
        for notebook in notebooks:
            if not notebook.is_file():
                raise LabError(
                    pick(
                        f"{self.shown(notebook)} is missing: put it back under that name.",
                        f"找不到 {self.shown(notebook)}：请按原文件名放回去。",
                    )
                )
        return notebooks

    # ---- submissions -----------------------------------------------------------------------------------

    def save_submission(self, lab: Lab) -> Submission:
        """Copy the notebooks as they are now to a place of their own."""
        notebooks = self.notebooks(lab)
        folder = _unused(self.work / ".submissions" / lab.name / _stamp())
        folder.mkdir(parents=True)
        for notebook in notebooks:
            shutil.copy2(notebook, folder)
        return Submission(folder)

    def submissions(self, lab: Lab) -> list[Submission]:
        """All submissions of `lab`, oldest first."""
        return [Submission(folder) for folder in sorted((self.work / ".submissions" / lab.name).glob("*/"))]

    def shown(self, path: Path) -> str:
        """`path` as the student sees it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


_STAMP = "%Y%m%d-%H%M%S"
_LANGUAGE_FILE = ".language"


def _position(release: Path) -> int:
    """Which of its lab's notebooks a released one is."""
    metadata = json.loads(release.read_text(encoding="utf-8"))["metadata"]
    return int(metadata.get("llm101", {}).get("position", 0))


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
        sys.exit(f"{error}")
