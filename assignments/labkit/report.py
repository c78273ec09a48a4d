"""A grading report (the JSON of `autograder grade --json`) as a student reads it in the terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from labkit.i18n import pick


def render(report: dict[str, Any]) -> RenderableType:
    """A table of problem, points and hints, with the total at its foot."""
    table = Table(show_footer=True)
    table.add_column(pick("Problem", "题目"), footer=pick("Total", "总分"))
    table.add_column(pick("Points", "得分"), justify="right", footer=points(report))
    table.add_column(pick("What to look at", "提示"), overflow="fold")
    for problem in report["problems"]:
        full = problem["score"] >= problem["max_score"]
        colour = "green" if full else "red" if problem["score"] == 0 else "yellow"
        table.add_row(
            problem["id"], f"[{colour}]{points(problem)}[/]", "\n".join(map(escape, hints(problem)))
        )
    submission = report["submission"]
    if submission["status"] == "ok":
        return table
    unreadable = pick("The notebook could not be read", "无法读取笔记本")
    return Group(Text(f"{unreadable}: {submission.get('message', '')}", style="red"), table)


def points(scored: dict[str, Any]) -> str:
    """The score of a report or of a problem: "12 / 20"."""
    return f"{scored['score']:g} / {scored['max_score']:g}"


def hints(problem: dict[str, Any]) -> list[str]:
    """What the tests that did not pass have to say, each sentence once: the hint, or else the message."""
    lost = [test for test in problem["tests"] if test["outcome"] != "passed"]
    said = [test.get("hint") or test.get("message") or test["outcome"] for test in lost]
    return list(dict.fromkeys(said))
