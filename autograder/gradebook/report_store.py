"""The kept reports of the grader: a JSON file per submission, and beside it the digest of what was graded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from autograder.gradebook.cohort import Cohort
from autograder.grading.report import ProblemReport, Report, SubmissionStatus


def path(cohort: Cohort, student: str, lab_id: str) -> Path:
    """Where the report of a student's submission is kept."""
    return cohort.folder / "reports" / student / f"{lab_id}.json"


def load(cohort: Cohort, student: str, lab_id: str) -> Report | None:
    """The student's last report; None when there is none."""
    try:
        return Report.from_json(path(cohort, student, lab_id).read_bytes())
    except FileNotFoundError:
        return None


def load_current(cohort: Cohort, student: str, lab_id: str, digest: str) -> Report | None:
    """The report on the submission with this digest; None when there is none."""
    try:
        graded = path(cohort, student, lab_id).with_suffix(".sha256").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    return load(cohort, student, lab_id) if graded == digest else None


def save(cohort: Cohort, student: str, report: Report, digest: str) -> None:
    """Keeps a report. The digest is written last, so that after an interruption the submission is graded again."""
    target = path(cohort, student, report.lab)
    target.parent.mkdir(parents=True, exist_ok=True)
    _replace(target, report.to_json())
    _replace(target.with_suffix(".sha256"), digest.encode())


def unreadable(lab_id: str, points: Mapping[str, float], reason: str) -> Report:
    """The report on a submission that the grader does not get to see."""
    return Report(
        lab=lab_id,
        score=0.0,
        max_score=float(sum(points.values())),
        seconds=0.0,
        problems=[ProblemReport(problem, 0.0, float(worth), []) for problem, worth in points.items()],
        submission=SubmissionStatus("unreadable", reason),
        sandbox="",
    )


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
