"""A grading report (the JSON of `autograder grade --json`) as a student reads it in the terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labkit.i18n import Bilingual, Lang
from labkit.outcomes import OUTCOMES


def render(report: dict[str, Any], lang: Lang) -> RenderableType:
    """A table with a row per problem: its points, and what the tests that failed say. The total is at the foot."""
    submission = report["submission"]
    notes = [Text(note, "dim") for note in submission.get("notes", [])]
    if submission["status"] != "ok":
        unreadable = Bilingual("The notebook could not be read: ", "无法读取笔记本：").text(lang)
        notes.insert(0, Text(unreadable + submission.get("message", ""), "red"))
    table = Table(show_footer=True, show_lines=True)
    table.add_column(Bilingual("Problem", "题目").text(lang), footer=Bilingual("Total", "总分").text(lang))
    table.add_column(Bilingual("Points", "得分").text(lang), footer=points(report), justify="right", no_wrap=True)
    table.add_column(Bilingual("What to look at", "提示").text(lang), overflow="fold")
    for problem in report["problems"]:
        full = problem["score"] >= problem["max_score"]
        style = "green" if full else "red" if problem["score"] == 0 else "yellow"
        table.add_row(problem["id"], Text(points(problem), style), advice(problem, lang))
    return Group(table, *notes)


def points(scored: dict[str, Any]) -> str:
    """The score of a report or of a problem: "12 / 20"."""
    return f"{scored['score']:g} / {scored['max_score']:g}"


def advice(problem: dict[str, Any], lang: Lang) -> Text:
    """What was wrong and the hint, for each test that did not pass; a hint that several tests share appears once."""
    told: dict[str, str] = {}  # hint -> message
    for test in problem["tests"]:
        if test["outcome"] != "passed":
            message = test.get("message") or OUTCOMES[test["outcome"]].text(lang)
            told.setdefault(test.get("hint") or message, message)
    lines = []
    for hint, message in told.items():
        lines += [Text(message, "dim")] if hint == message else [Text(message, "dim"), Text(hint)]
    return Text("\n").join(lines)
