"""`autograder leaderboard`: the cohort's entries on a lab's leaderboard, from the kept reports."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.errors import UserError
from autograder.gradebook import report_store
from autograder.gradebook.cohort import Cohort
from autograder.gradebook.feedback import graded_students
from autograder.grading.report import Entry
from autograder.lab import Lab


@dataclass(frozen=True)
class Ranked:
    """A student's entry; `rank` counts from 1, equal figures share it, and an entry that was refused has none."""

    rank: int | None
    student: str
    entry: Entry


def ranking(cohort: Cohort, lab: Lab) -> list[Ranked]:
    """The entries, the best first. Raises UserError when nobody has one."""
    entries = []
    for student in graded_students(cohort, lab):
        report = report_store.load(cohort, student, lab.id)
        if report is not None and report.leaderboard is not None:
            entries.append((student, report.leaderboard))
    if not entries:
        raise UserError(f"no submission to {lab.id} in {cohort.name} has an entry on a leaderboard")
    figures = sorted(
        (entry.figure for _, entry in entries if entry.figure is not None), reverse=not entries[0][1].lowest_first
    )
    ranked = [
        Ranked(None if entry.figure is None else figures.index(entry.figure) + 1, student, entry)
        for student, entry in entries
    ]
    return sorted(ranked, key=lambda one: len(ranked) + 1 if one.rank is None else one.rank)
