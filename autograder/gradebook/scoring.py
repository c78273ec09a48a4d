"""`autograder grade-all`: grades every new submission of a lab, sets its scores, keeps its report."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import temp_attrs

from autograder.errors import UserError
from autograder.gradebook import report_store
from autograder.gradebook.cohort import Cohort, failure
from autograder.gradebook.submitted import TIMESTAMP, digest, submitted_at
from autograder.grading.intake import MAX_FILE
from autograder.grading.report import Report
from labkit.i18n import Bilingual

if TYPE_CHECKING:
    from autograder.grading.grader import Grader  # imports torch, which feedback and ranking do without
    from autograder.lab import Lab

NO_FOLDER = Bilingual("the submission is not a folder", "提交的不是文件夹")


@dataclass(frozen=True)
class Graded:
    """The result for one student."""

    student: str
    status: Literal["graded", "unreadable", "not graded"]
    score: float = 0.0
    max_score: float = 0.0
    message: str = ""  # why it is unreadable or was not graded


def submitted_students(cohort: Cohort, lab: Lab) -> tuple[list[str], list[str]]:
    """Who has a collected submission of the lab: students on the roster, and names that are not on it."""
    with cohort.gradebook() as gradebook:
        roster = {student.id for student in gradebook.students}
    folder = cohort.path("submitted", ".", ".")
    found = sorted(entry.name for entry in folder.iterdir() if os.path.lexists(entry / lab.id))
    return [name for name in found if name in roster], [name for name in found if name not in roster]


def waiting(cohort: Cohort, lab: Lab, students: Sequence[str]) -> list[str]:
    """The students whose submission changed since it was graded, or was never graded to the end."""
    finished = cohort.api.get_autograded_students(lab.id)
    return [
        student
        for student in students
        if student not in finished
        or report_store.load_current(cohort, student, lab.id, submission_digest(cohort, lab, student)) is None
    ]


def released_points(cohort: Cohort, lab: Lab) -> dict[str, float]:
    """Problem id -> points in the gradebook. Raises UserError when the lab was not released to the cohort."""
    with cohort.gradebook() as gradebook:
        try:
            notebooks = gradebook.find_assignment(lab.id).notebooks
        except MissingEntry:
            raise UserError(
                f"{lab.id} is not released: `autograder release {lab.lesson} --cohort {cohort.name}`"
            ) from None
        return {cell.name: cell.max_score for book in notebooks for cell in book.grade_cells}


def grade_student(cohort: Cohort, lab: Lab, student: str, grader: Grader) -> Graded:
    """Grades one submission into the gradebook. Errors are in the answer and are never raised.

    The report is kept first, then the scores are set, then nbgrader's Autograde makes the notebook that
    teachers see. After an interruption, the next call does what is left, without grading again.
    """
    try:
        report = make_report(cohort, lab, student, grader)
        record(cohort, lab.id, student, report)
        show_to_teachers(cohort, lab, student)
    except KeyboardInterrupt:
        raise
    except Exception as error:  # one student's trouble must not end the batch
        return Graded(student, "not graded", message=_one_line(error))
    readable = report.submission.status == "ok"
    return Graded(
        student,
        "graded" if readable else "unreadable",
        report.score,
        report.max_score,
        report.submission.message,
    )


def make_report(cohort: Cohort, lab: Lab, student: str, grader: Grader) -> Report:
    """Grades the submission and keeps the report.

    Raises:
        UserError: the report is about other problems or points than the release in the gradebook.
    """
    points = released_points(cohort, lab)
    state = submission_digest(cohort, lab, student)
    folder = cohort.path("submitted", student, lab.id)
    if folder.is_symlink() or folder.parent.is_symlink() or not folder.is_dir():
        report = report_store.unreadable(lab.id, points, NO_FOLDER.text(cohort.lang))
    else:
        report = grader.grade(folder, cohort.lang)
    if {problem.id: problem.max_score for problem in report.problems} != points:
        raise UserError(
            f"{lab.id} has other points than its release to {cohort.name}: "
            f"`autograder release {lab.lesson} --cohort {cohort.name}` again"
        )
    report_store.save(cohort, student, report, state)
    return report


def submission_digest(cohort: Cohort, lab: Lab, student: str) -> str:
    """A digest that changes when the student's submission of the lab does."""
    return digest(cohort.path("submitted", student, lab.id), lab.notebooks, MAX_FILE)


def record(cohort: Cohort, lab_id: str, student: str, report: Report) -> None:
    """Sets the scores of the gradebook's cells, which come from the release, and the late penalty."""
    scores = {problem.id: problem.score for problem in report.problems}
    timestamp = submitted_at(cohort.path("submitted", student, lab_id))
    with cohort.gradebook() as gradebook:
        submission = gradebook.update_or_create_submission(lab_id, student, timestamp=timestamp)
        notebooks = [book.name for book in submission.notebooks]
        for name in notebooks:
            set_scores(gradebook, name, lab_id, student, scores)
    for name in notebooks:
        resources = {
            "notebook": name,
            "assignment": lab_id,
            "student": student,
            "db_url": cohort.api.coursedir.db_url,
        }
        penalties = AssignLatePenalties(parent=cohort.api)
        penalties.preprocess(nbformat.v4.new_notebook(), {"nbgrader": resources})


def set_scores(gradebook: Gradebook, name: str, lab_id: str, student: str, scores: Mapping[str, float]) -> None:
    """Sets Grade.auto_score of every graded cell of one submitted notebook. A teacher's own score stays."""
    for grade in gradebook.find_submission_notebook(name, lab_id, student).grades:
        grade.auto_score = scores[grade.name]
        # A teacher who graded it by hand before should look again.
        grade.needs_manual_grade = grade.manual_score is not None
    gradebook.db.commit()


def show_to_teachers(cohort: Cohort, lab: Lab, student: str) -> None:
    """Runs nbgrader's Autograde for one student, so that formgrader has the notebook.

    nbgrader starts from the release, and our step FillRelease puts the student's code into it. So nbgrader itself
    never opens or copies a file of the student's.
    """
    with tempfile.TemporaryDirectory(dir=cohort.folder, prefix="prepared-") as prepared:
        step = Path(prepared).name  # takes the place of submitted/ while nbgrader runs
        folder = cohort.path(step, student, lab.id)
        folder.mkdir(parents=True)
        for name in lab.notebooks:
            shutil.copy(cohort.path("release", ".", lab.id) / f"{name}.ipynb", folder)
        if timestamp := submitted_at(cohort.path("submitted", student, lab.id)):
            (folder / TIMESTAMP).write_text(f"{timestamp} UTC", encoding="ascii")
        with temp_attrs(cohort.api.coursedir, submitted_directory=step):
            result = cohort.api.autograde(lab.id, student, force=True, create=False)
    if not result["success"]:
        if result["error"].rstrip().endswith("KeyboardInterrupt"):  # nbgrader catches that too
            raise KeyboardInterrupt
        raise RuntimeError(f"nbgrader autograde: {failure(result)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[-300:] or type(error).__name__
