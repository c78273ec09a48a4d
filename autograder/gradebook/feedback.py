"""`autograder feedback`: a page per student, made from the report and the gradebook, never from the notebook.

So the page runs nothing that a student wrote, and shows no hidden test: neither is in the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import jinja2
from markupsafe import Markup, escape
from nbgrader.api import MissingEntry

from autograder.errors import UserError
from autograder.gradebook import report_store
from autograder.gradebook.cohort import Cohort, failure
from autograder.gradebook.scoring import submission_digest
from autograder.gradebook.submitted import SECRET, TIMESTAMP, submission_secret
from autograder.grading.report import COLON, Report, outcome_word, title_of_test
from labkit.i18n import Bilingual, Lang

if TYPE_CHECKING:
    from autograder.lab import Lab

WORDS = {
    "total": Bilingual("Total", "总分"),
    "late": Bilingual("Late submission", "迟交扣分"),
    "submitted": Bilingual("Submitted", "提交时间"),
    "diagnosis": Bilingual("diagnosis", "诊断"),
    "unreadable": Bilingual("The submission could not be read", "提交的文件无法读取"),
    "teacher": Bilingual("set by your teacher", "由教师评定"),
    "comments": Bilingual("Comments of your teacher", "教师评语"),
    "leaderboard": Bilingual("Leaderboard", "排行榜"),
}

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("autograder.gradebook", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _hint(text: str) -> Markup:
    """A lab's hint as HTML: escaped, with its `code` and its *emphasis*, and nothing else of Markdown."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(?<![A-Za-z0-9)*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![A-Za-z0-9(*])", r"<em>\1</em>", marked))


_environment.filters["hint"] = _hint


@dataclass(frozen=True)
class Feedback:
    """The result for one student."""

    student: str
    status: Literal["released", "written", "not released"]  # written: nbgrader cannot bring it to the student
    message: str = ""


@dataclass(frozen=True)
class Standing:
    """What the gradebook says about one submission, with the teacher's own scores and comments."""

    scores: Mapping[str, float]
    by_hand: frozenset[str]  # problems that a teacher scored
    comments: Mapping[str, str]  # cell -> the teacher's comment
    penalty: float
    timestamp: str

    @property
    def total(self) -> float:
        """Points after the late penalty."""
        return max(0.0, sum(self.scores.values()) - self.penalty)


def graded_students(cohort: Cohort, lab: Lab) -> list[str]:
    """Students with a kept report on the lab. Raises UserError when there is none."""
    students = sorted(path.parent.name for path in (cohort.folder / "reports").glob(f"*/{lab.id}.json"))
    if not students:
        raise UserError(f"nothing is graded yet: `autograder grade-all {lab.lesson} --cohort {cohort.name}`")
    return students


def release_feedback(cohort: Cohort, lab: Lab, student: str) -> Feedback:
    """Writes the student's page into feedback/ and puts it where `nbgrader fetch_feedback` finds it."""
    report = report_store.load_current(cohort, student, lab.id, submission_digest(cohort, lab, student))
    if report is None:
        return Feedback(student, "not released", "the submission changed since it was graded: grade-all first")
    try:
        found = standing(cohort, lab, student)
    except MissingEntry:
        return Feedback(student, "not released", "not in the gradebook: grade again with --all")
    page = render(lab, report, found, cohort.lang)
    folder = cohort.path("feedback", student, lab.id)
    folder.mkdir(parents=True, exist_ok=True)
    for name in lab.notebooks:
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    secret = submission_secret(cohort.path("submitted", student, lab.id))
    if secret is None:
        return Feedback(student, "written", f"not submitted through nbgrader, see {folder}")
    (folder / SECRET).write_text(secret, encoding="utf-8")
    (folder / TIMESTAMP).write_text(found.timestamp, encoding="ascii")
    result = cohort.api.release_feedback(lab.id, student)
    if not result["success"]:
        return Feedback(student, "not released", failure(result))
    return Feedback(student, "released")


def render(lab: Lab, report: Report, standing: Standing, lang: Lang) -> str:
    """The page as HTML, every text escaped."""
    return _environment.get_template("feedback.html.j2").render(
        lab=lab,
        report=report,
        standing=standing,
        lang=lang,
        words={name: word.text(lang) for name, word in WORDS.items()},
        colon=COLON.text(lang),
        outcome_word=outcome_word,
        title_of_test=title_of_test,
    )


def standing(cohort: Cohort, lab: Lab, student: str) -> Standing:
    """What the gradebook says about a submission. Raises nbgrader's MissingEntry when it has none."""
    with cohort.gradebook() as gradebook:
        submission = gradebook.find_submission(lab.id, student)
        grades: list[Any] = [grade for notebook in submission.notebooks for grade in notebook.grades]
        comments = [comment for notebook in submission.notebooks for comment in notebook.comments]
        return Standing(
            scores={grade.name: grade.score for grade in grades},
            by_hand=frozenset(grade.name for grade in grades if grade.manual_score is not None),
            comments={comment.name: comment.manual_comment for comment in comments if comment.manual_comment},
            penalty=submission.late_submission_penalty,
            timestamp=f"{submission.timestamp} UTC" if submission.timestamp else "",
        )
