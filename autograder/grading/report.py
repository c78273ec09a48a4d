"""The report of one submission: the JSON that `autograder grade --json` prints, and its table."""

from __future__ import annotations

from typing import Literal

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labkit.i18n import Bilingual, Lang
from labkit.outcomes import OUTCOMES

Outcome = Literal["passed", "failed", "error", "timeout", "memory", "crashed", "output_limit"]

PROBLEM = Bilingual("Problem", "题目")
POINTS = Bilingual("Points", "得分")
OUTCOME = Bilingual("Outcome", "结果")
HINT = Bilingual("Hint", "提示")
TOTAL = Bilingual("Total", "总分")
LEADERBOARD = Bilingual("Leaderboard", "排行榜")
UNREADABLE = Bilingual("unreadable", "无法读取")
COLON = Bilingual(": ", "：")


class TestReport(msgspec.Struct):
    """One hidden test. `message` tells what was wrong, `hint` what to think about; neither tells expected values."""

    name: str
    outcome: Outcome
    points: float
    max_points: float
    message: str
    hint: str
    diagnosis: str | None
    seconds: float


class ProblemReport(msgspec.Struct):
    """One problem with its tests."""

    id: str
    score: float
    max_score: float
    tests: list[TestReport]


class Entry(msgspec.Struct):
    """A submission on the lab's leaderboard (leaderboard.py). Without a figure, `message` tells why it was refused."""

    figure: float | None
    unit: Bilingual
    lowest_first: bool
    message: str = ""

    def text(self, lang: Lang) -> str:
        """The entry in words."""
        return self.message if self.figure is None else f"{self.figure:.4f} {self.unit.text(lang)}"


class SubmissionStatus(msgspec.Struct, omit_defaults=True):
    """Whether the submission could be read; `notes` say what grading did not run."""

    status: Literal["ok", "unreadable"]
    message: str = ""
    notes: list[str] = []


class Report(msgspec.Struct, omit_defaults=True):
    """The result of grading one submission (DESIGN.md section 4)."""

    lab: str
    score: float
    max_score: float
    seconds: float
    problems: list[ProblemReport]
    submission: SubmissionStatus
    sandbox: str
    leaderboard: Entry | None = None  # None: the lab has no leaderboard, or the student does not compete

    def to_json(self) -> bytes:
        """As JSON. On a regrade it is equal to the bit, except for the `seconds`."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Report:
        """The inverse of `to_json`. Raises msgspec.DecodeError."""
        return msgspec.json.decode(data, type=cls)


def outcome_word(outcome: Outcome, lang: Lang) -> str:
    """An outcome in the reader's language."""
    return OUTCOMES[outcome].text(lang)


def title_of_test(name: str, lang: Lang) -> str:
    """A test's name for the reader. It is English: its words in an English report, a name of code in a Chinese one."""
    return name.removeprefix("test_").replace("_", " ") if lang == "en" else name


def table(report: Report, title: str, lang: Lang) -> RenderableType:
    """The report for a terminal: a row per test that did not pass, a line per problem, the total."""
    if report.submission.status == "unreadable":
        return Text.assemble((UNREADABLE.text(lang), "bold red"), COLON.text(lang), report.submission.message)
    grid = Table(title=title, expand=False, show_lines=False, footer_style="bold", show_footer=True)
    grid.add_column(PROBLEM.text(lang), TOTAL.text(lang), overflow="fold")
    grid.add_column(POINTS.text(lang), f"{report.score:g} / {report.max_score:g}", justify="right", no_wrap=True)
    grid.add_column(OUTCOME.text(lang), no_wrap=True)
    grid.add_column(HINT.text(lang), overflow="fold")
    for problem in report.problems:
        style = "green" if problem.score == problem.max_score else "bold"
        solved = outcome_word("passed", lang) if problem.score == problem.max_score else ""
        points = f"{problem.score:g} / {problem.max_score:g}"
        grid.add_row(Text(problem.id, style), Text(points, style), Text(solved, style), "")
        for test in problem.tests:
            if test.outcome != "passed":
                text = Text(test.message)
                if test.hint:
                    text.append(("\n" if test.message else "") + test.hint, "yellow")
                label = title_of_test(test.name, lang)
                score = f"{test.points:g} / {test.max_points:g}"
                grid.add_row(f"  {label}", score, Text(outcome_word(test.outcome, lang), "red"), text)
    notes = [Text(note, "dim") for note in report.submission.notes]
    if report.leaderboard:
        notes.append(Text(LEADERBOARD.text(lang) + COLON.text(lang) + report.leaderboard.text(lang)))
    return Group(grid, *notes)
