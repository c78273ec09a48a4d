"""The step of nbgrader's Autograde that stands where nbgrader executes the notebook and reads its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import SaveAutoGrades
from traitlets import Unicode

from autograder.gradebook import grading, reports
from autograder.gradebook.cohort import Cohort
from autograder.report import ProblemReport, Report, outcome_word


class SaveReport(SaveAutoGrades):
    """Scores from the grader's report; what the report says is the output of the check cells.

    The report is the kept one when it is about this very submission, as in `autograder grade-all`. A plain
    `nbgrader autograde` or the button in formgrader grades here.
    """

    cohort = Unicode(help="The folder of the cohort").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Sets the scores of the notebook's cells in the gradebook, then nbgrader's comments."""
        names = resources["nbgrader"]
        cohort = Cohort.open(Path(self.cohort))
        report = _report(cohort, names["assignment"], names["student"])
        self.problems = {problem.id: problem for problem in report.problems}
        self.lang = cohort.lang
        scores = {problem.id: problem.score for problem in report.problems}
        with Gradebook(names["db_url"]) as gradebook:
            grading.set_scores(gradebook, names["notebook"], names["assignment"], names["student"], scores)
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        """nbgrader reads the score from the cell's output here; ours is set, and the output made of it."""
        problem = self.problems.get(cell.metadata.nbgrader.grade_id)
        if problem is not None and cell.cell_type == "code":
            text = "\n".join(_lines(problem, self.lang)) + "\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]


def _report(cohort: Cohort, lab_id: str, student: str) -> Report:
    # These import torch: only a plain `nbgrader autograde` needs them.
    from autograder.lab import Lab

    lab = Lab.find(lab_id)
    state = grading.submission_digest(cohort, lab, student)
    if kept := reports.load_current(cohort, student, lab_id, state):
        return kept
    from autograder.grade import Grader

    with Grader(lab, secret=cohort.secret) as grader:
        return grading.make_report(cohort, lab, student, grader)


def _lines(problem: ProblemReport, lang: str) -> list[str]:
    lines = [f"{problem.id}: {problem.score:g} / {problem.max_score:g}"]
    for test in problem.tests:
        lines.append(
            f"{test.points:g} / {test.max_points:g}  {test.name}: {outcome_word(test.outcome, lang)}"
        )
        lines += [f"    {text}" for text in (test.message, test.hint) if text and test.outcome != "passed"]
    return lines
