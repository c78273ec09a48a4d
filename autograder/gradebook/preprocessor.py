"""Our two steps of nbgrader's Autograde: one makes the notebook, one sets the scores. Nothing is executed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Unicode

from autograder.gradebook import formgrader, report_store, scoring
from autograder.gradebook.cohort import Cohort
from autograder.grading.report import ProblemReport, Report, outcome_word
from autograder.lab import Lab
from autograder.sandbox import choose
from labkit.i18n import Lang

Processed = tuple[NotebookNode, dict[str, Any]]


class InCohort(NbGraderPreprocessor):
    """A step that knows its cohort."""

    cohort = Unicode(help="The folder of the cohort").tag(config=True)


class FillRelease(InCohort):
    """The first sanitizing step: it replaces the student's notebook by the release with the student's code in it.

    It drops students' prose, outputs and metadata, because formgrader shows markdown unsanitized (nbgrader 0.9.6).
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> Processed:
        """The notebook that `autograder grade-all` makes of the submission, whatever `nb` is."""
        names = resources["nbgrader"]
        cohort = Cohort.open(Path(self.cohort))
        submitted = cohort.path("submitted", names["student"], names["assignment"])
        release = cohort.path("release", ".", names["assignment"]) / f"{names['notebook']}.ipynb"
        return formgrader.readable(nbformat.read(release, as_version=4), submitted, names["notebook"]), resources


class SaveReport(InCohort, SaveAutoGrades):
    """Takes the scores from the grader's report, and shows the report as the output of the check cells.

    It uses the kept report if that is about this very submission, as after `autograder grade-all`. Else, after a plain
    `nbgrader autograde` or the button in formgrader, it grades here.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> Processed:
        """Sets the scores of the notebook's cells in the gradebook, then nbgrader's comments."""
        names = resources["nbgrader"]
        cohort = Cohort.open(Path(self.cohort))
        report = _report(cohort, Lab.find(names["assignment"]), names["student"])
        self.problems = {problem.id: problem for problem in report.problems}
        self.lang = cohort.lang
        scores = {problem.id: problem.score for problem in report.problems}
        with Gradebook(names["db_url"]) as gradebook:
            scoring.set_scores(gradebook, names["notebook"], names["assignment"], names["student"], scores)
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        """nbgrader would read the score from the cell's output here. Ours is already set."""
        problem = self.problems[cell.metadata.nbgrader.grade_id]
        text = "\n".join(_lines(problem, self.lang)) + "\n"
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]


def _report(cohort: Cohort, lab: Lab, student: str) -> Report:
    state = scoring.submission_digest(cohort, lab, student)
    if kept := report_store.load_current(cohort, student, lab.id, state):
        return kept
    from autograder.grading.grader import Grader  # starts a sandbox: only when there is something to grade

    # nbgrader and formgrader pass no option on.
    with Grader(lab, cohort.secret, os.environ.get(choose.VARIABLE, choose.DEFAULT)) as grader:
        return scoring.make_report(cohort, lab, student, grader)


def _lines(problem: ProblemReport, lang: Lang) -> list[str]:
    lines = [f"{problem.id}: {problem.score:g} / {problem.max_score:g}"]
    for test in problem.tests:
        lines.append(f"{test.points:g} / {test.max_points:g}  {test.name}: {outcome_word(test.outcome, lang)}")
        lines += [f"    {text}" for text in (test.message, test.hint) if text and test.outcome != "passed"]
    return lines
