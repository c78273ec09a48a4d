"""`nbgrader export` and `autograder export`: nbgrader's columns, then one per problem."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import ExportPlugin

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip


class ProblemsCsv(ExportPlugin):
    """A row per assignment and student; a student who handed in nothing has 0, as in nbgrader's own export."""

    def export(self, gradebook: Gradebook) -> None:
        """Writes `self.to` (grades.csv), narrowed to `self.assignment` and `self.student` where given."""
        assignments = [a for a in gradebook.assignments if not self.assignment or a.name in self.assignment]
        students = [s for s in gradebook.students if not self.student or s.id in map(str, self.student)]
        rows = [_row(gradebook, assignment, student) for assignment in assignments for student in students]
        problems = dict.fromkeys(key for row in rows for key in row if key not in COLUMNS)
        # utf-8-sig: Excel reads Chinese names only with the byte order mark.
        with Path(self.to or "grades.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, *problems])
            writer.writeheader()
            writer.writerows(rows)


def _row(gradebook: Gradebook, assignment: Assignment, student: Student) -> dict[str, Any]:
    row: dict[str, Any] = {
        "assignment": assignment.name,
        "duedate": assignment.duedate,
        "student_id": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "email": student.email,
        "raw_score": 0.0,
        "late_submission_penalty": 0.0,
        "score": 0.0,
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return row
    penalty = submission.late_submission_penalty
    row["timestamp"] = submission.timestamp
    row["raw_score"] = submission.score
    row["late_submission_penalty"] = penalty
    row["score"] = max(0.0, submission.score - penalty)
    for notebook in submission.notebooks:
        row |= {f"{assignment.name}/{grade.name}": grade.score for grade in notebook.grades}
    return row
