"""`autograder release` and `autograder collect`: a lab goes to the exchange, submissions come from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import nbformat
from nbgrader.api import MissingEntry
from nbgrader.utils import temp_attrs

from autograder import source
from autograder.authoring.build import generate
from autograder.authoring.verify import verify
from autograder.errors import UserError
from autograder.gradebook.cohort import Cohort, failure
from autograder.gradebook.submitted import submitted_at

if TYPE_CHECKING:
    from autograder.lab import Lab


@dataclass(frozen=True)
class Collected:
    """What the exchange held for one student."""

    student: str
    status: Literal["new", "unchanged", "none", "refused"]
    message: str = ""  # why it was refused


def parse_due(text: str) -> datetime:
    """A due date with its offset from UTC, as naive UTC, which is what nbgrader keeps.

    Example: "2026-10-01T23:59+08:00" -> datetime(2026, 10, 1, 15, 59)
    """
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--due is a time such as 2026-10-01T23:59+08:00, not {text!r}") from None
    if due.tzinfo is None:
        raise UserError(f"--due needs its offset from UTC: {text}+08:00 in Beijing, {text}Z in UTC")
    return due.astimezone(UTC).replace(tzinfo=None)


def release(cohort: Cohort, lab: Lab, due: datetime | None = None) -> None:
    """Puts the lab into the exchange, in the cohort's language. A second call publishes changes to the same cells.

    Args:
        due: naive UTC; None keeps the due date that the gradebook has, if any.

    Raises:
        UserError: the lab's parts do not fit together, or nbgrader refuses, e.g. because cells of a lab that
            has submissions were added or removed.
    """
    verify(lab)
    folder = cohort.path("source", ".", lab.id)
    _write_source(cohort, lab)
    _succeed(f"{lab.id} cannot be released", cohort.api.generate_assignment(lab.id))
    if due is not None:
        with cohort.gradebook() as gradebook:
            gradebook.update_or_create_assignment(lab.id, duedate=due)
    _succeed(f"{lab.id} in {folder} cannot be released", cohort.api.release_assignment(lab.id))


def collect(cohort: Cohort, lab: Lab) -> list[Collected]:
    """Brings the last submission of each student on the roster from the exchange into submitted/."""
    with cohort.gradebook() as gradebook:
        try:
            gradebook.find_assignment(lab.id)
        except MissingEntry:
            raise UserError(
                f"{lab.id} is not released: `autograder release {lab.lesson} --cohort {cohort.name}`"
            ) from None
        students = [student.id for student in gradebook.students]
    return [_collect_student(cohort, lab, student) for student in students]


def _collect_student(cohort: Cohort, lab: Lab, student: str) -> Collected:
    folder = cohort.path("submitted", student, lab.id)
    before = submitted_at(folder) if folder.exists() else None
    with temp_attrs(cohort.api.coursedir, student_id=student):
        result = cohort.api.collect(lab.id)
    if not result["success"]:
        return Collected(student, "refused", failure(result))
    if not folder.exists():
        return Collected(student, "none")
    return Collected(student, "unchanged" if submitted_at(folder) == before else "new")


def _write_source(cohort: Cohort, lab: Lab) -> None:
    folder = cohort.path("source", ".", lab.id)
    files = generate(lab, cohort.lang)
    for name in lab.notebooks:
        reference = source.reference(lab, name, cohort.lang)
        files[f"{name}.ipynb"] = (nbformat.writes(reference) + "\n").encode()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _succeed(what: str, result: Mapping[str, Any]) -> None:
    if not result["success"]:
        raise UserError(f"{what}: {failure(result)}")
