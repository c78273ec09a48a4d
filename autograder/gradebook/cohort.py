"""A cohort: an nbgrader course folder with a roster, one gradebook, one exchange and one secret.

cohorts/2026-autumn/            (0700: its contents are for the teacher only)
  cohort.toml                   name and language
  nbgrader_config.py            so that `nbgrader ...` and formgrader work in this folder
  gradebook.db  secret (0600)   the secret seeds the inputs of the hidden tests
  source/ release/ submitted/ autograded/ feedback/ exchange/      nbgrader's folders
  reports/<student>/<lab>.json  what the grader said about each submission
"""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import shutil
import sys
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

from autograder.errors import UserError
from autograder.grading.secret import kept_secret, read_secret
from labkit.i18n import Lang, parse

COHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
STUDENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")  # safe as a folder, in nbgrader's globs and names
ROSTER_COLUMNS = ("id", "first_name", "last_name", "email")

# This logger takes nbgrader's own log lines and tracebacks. What a teacher should know comes back as a result.
_quiet = logging.getLogger("autograder.nbgrader")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
# nbgrader adds submissions in an order that SQLAlchemy remarks on; the rows are right.
warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")


@dataclass(frozen=True)
class RosterEntry:
    """One line of a roster."""

    id: str
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True)
class Cohort:
    """An existing cohort in `folder`; its prose and feedback are in `lang`."""

    folder: Path
    lang: Lang

    @classmethod
    def open(cls, folder: Path) -> Cohort:
        """Raises UserError when there is no cohort in `folder`."""
        try:
            settings = tomllib.loads((folder / "cohort.toml").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"no cohort {folder.name!r}: make it with `autograder cohort create {folder.name} --roster roster.csv`"
            ) from None
        return cls(folder.resolve(), parse(settings["lang"]))

    @property
    def name(self) -> str:
        """nbgrader's course_id."""
        return self.folder.name

    @property
    def secret(self) -> bytes:
        """32 random bytes, the same for the life of the cohort."""
        return read_secret(self.folder / "secret")

    @cached_property
    def config(self) -> Config:
        """The cohort's nbgrader_config.py, the teacher's changes included."""
        return PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()

    @cached_property
    def api(self) -> NbGraderAPI:
        """nbgrader's own interface to this course."""
        return NbGraderAPI(config=self.config, log=_quiet)

    def gradebook(self) -> Gradebook:
        """A new connection to the gradebook: a context manager."""
        if shutil.which("alembic") is None:  # nbgrader calls it by name for a new database
            folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
            os.environ["PATH"] = os.pathsep.join(folders)
        return Gradebook(self.api.coursedir.db_url, self.name)

    def path(self, step: str, student: str, lab_id: str) -> Path:
        """nbgrader's folder of one step ("submitted", "feedback", ...) of one student's assignment."""
        return Path(self.api.coursedir.format_path(step, student, lab_id))


def create(folder: Path, roster: Path, lang: Lang | None = None) -> tuple[Cohort, list[RosterEntry]]:
    """Makes a cohort in `folder`. To an existing cohort it adds the students that are not there yet.

    Args:
        lang: language of notebooks and feedback, "en" unless given; an existing cohort keeps its own.

    Returns:
        The cohort and the students that were added.

    Raises:
        UserError: a bad name or roster, or an existing cohort of another language.
    """
    if not COHORT_NAME.fullmatch(folder.name):
        raise UserError(f"a cohort is named with letters, digits, '.', '_' and '-', not {folder.name!r}")
    students = read_roster(roster)
    if not (folder / "cohort.toml").exists():
        _write_folder(folder, lang or "en")
    cohort = Cohort.open(folder)
    if lang not in (None, cohort.lang):
        raise UserError(f"the cohort {cohort.name} exists and its language is {cohort.lang}")
    return cohort, _add_students(cohort, students)


def read_roster(path: Path) -> list[RosterEntry]:
    """The students of a CSV file with the columns id, first_name, last_name and email.

    Raises:
        UserError: with the line of the first mistake.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(ROSTER_COLUMNS) - set(reader.fieldnames or ()):
                raise UserError(
                    f"{path}: no column {', '.join(sorted(missing))}; "
                    f"the first line should be {','.join(ROSTER_COLUMNS)}"
                )
            students = [_roster_entry(path, reader.line_num, row) for row in reader]
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it from the spreadsheet as 'CSV UTF-8'") from None
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file: {error}") from None
    seen: set[str] = set()
    for student in students:
        if student.id in seen:
            raise UserError(f"{path}: the id {student.id} occurs twice")
        seen.add(student.id)
    if not students:
        raise UserError(f"{path}: no students in it")
    return students


def failure(result: Mapping[str, Any]) -> str:
    """One line about a failed call of NbGraderAPI: the exception of its first traceback."""
    lines = [line.strip() for line in (result.get("log", "") + result["error"]).splitlines()]
    errors = [line for line in lines if line.split(": ")[0].endswith(("Error", "Exception")) and ": " in line]
    return (errors or [line for line in lines if line])[0]


def _roster_entry(path: Path, line: int, row: dict[str, str | None]) -> RosterEntry:
    values = {column: (row[column] or "").strip() for column in ROSTER_COLUMNS}
    if not STUDENT_ID.fullmatch(values["id"]):
        raise UserError(f"{path}, line {line}: an id has letters, digits, '.', '_', '@' and '-', not {values['id']!r}")
    return RosterEntry(**values)


def _write_folder(folder: Path, lang: Lang) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for step in ("source", "release", "submitted", "autograded", "feedback", "reports", "exchange"):
        (folder / step).mkdir(exist_ok=True)
    (folder / "exchange").chmod(0o777)  # nbgrader requires this of an exchange; the folder around it is closed
    kept_secret(folder / "secret")
    template = resources.files("autograder.gradebook") / "nbgrader_config.py.in"
    config = template.read_text(encoding="utf-8").replace("@COURSE_ID@", folder.name)
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    # Written last: a folder with a cohort.toml is complete.
    (folder / "cohort.toml").write_text(f"name = {json.dumps(folder.name)}\nlang = {json.dumps(lang)}\n")


def _add_students(cohort: Cohort, students: Iterable[RosterEntry]) -> list[RosterEntry]:
    with cohort.gradebook() as gradebook:
        known = {student.id for student in gradebook.students}
        added = [student for student in students if student.id not in known]
        for student in added:
            gradebook.add_student(
                student.id,
                first_name=student.first_name,
                last_name=student.last_name,
                email=student.email,
            )
    return added
