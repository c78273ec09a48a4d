"""The commands of a teacher's term: cohort create, release, collect, grade-all, feedback, leaderboard, export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.errors import UserError
from autograder.lab import Lab
from autograder.sandbox import choose
from labkit.i18n import parse

COHORTS = Path("cohorts")  # in the folder where the command runs: the repository, or any other

LabName = Annotated[str, typer.Argument(metavar="NN", help="Lesson, e.g. 05.")]
CohortName = Annotated[str, typer.Option("--cohort", metavar="NAME", help="Cohort, a folder in cohorts/.")]

console = Console()
cohort_app = typer.Typer(no_args_is_help=True, help="Make a cohort or add students to one.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the `autograder` application."""
    app.add_typer(cohort_app, name="cohort")
    for name, command in (
        ("release", release),
        ("collect", collect),
        ("grade-all", grade_all),
        ("feedback", feedback),
        ("leaderboard", leaderboard),
        ("export", export),
    ):
        app.command(name)(command)


@cohort_app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="e.g. 2026-autumn; nbgrader's course id.")],
    roster: Annotated[Path, typer.Option(help="CSV: id,first_name,last_name,email.")],
    lang: Annotated[str | None, typer.Option(help="Language of notebooks and feedback: en (default) or zh.")] = None,
) -> None:
    """Make a cohort from a roster; again with a longer roster, add the new students."""
    from autograder.gradebook import cohort as cohorts

    cohort, added = cohorts.create(COHORTS / name, roster, parse(lang) if lang else None)
    console.print(f"{cohort.folder}: {len(added)} students added, language {cohort.lang}")


def release(
    lab: LabName,
    cohort: CohortName,
    due: Annotated[str | None, typer.Option(metavar="TIME", help="e.g. 2026-10-01T23:59+08:00")] = None,
) -> None:
    """Release a lab to a cohort, in its language; again to correct it or to move the due date."""
    from autograder.gradebook import release as releasing
    from autograder.gradebook.cohort import Cohort

    until = releasing.parse_due(due) if due else None
    found = Lab.find(lab)
    releasing.release(Cohort.open(COHORTS / cohort), found, until)
    console.print(f"{found.id} released to {cohort}" + (f", due {until} UTC" if until else ""))


def collect(lab: LabName, cohort: CohortName) -> None:
    """Collect each student's last submission from the exchange."""
    from autograder.gradebook import release as releasing
    from autograder.gradebook.cohort import Cohort

    collected = releasing.collect(Cohort.open(COHORTS / cohort), Lab.find(lab))
    _summary(one.status for one in collected)
    for one in collected:
        if one.status == "refused":
            console.print(f"[red]{escape(one.student)}: {escape(one.message)}[/]")


def grade_all(
    lab: LabName,
    cohort: CohortName,
    every: Annotated[bool, typer.Option("--all", help="Also those that are graded and did not change.")] = False,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Grade the new submissions of a lab into the gradebook. Exits with 3 when the grader failed on any."""
    from autograder.gradebook import scoring
    from autograder.gradebook.cohort import Cohort
    from autograder.grading.grader import Grader

    found, opened = Lab.find(lab), Cohort.open(COHORTS / cohort)
    scoring.released_points(opened, found)
    students, strangers = scoring.submitted_students(opened, found)
    for stranger in strangers:
        console.print(f"[yellow]{escape(stranger)} is not on the roster: not graded[/]")
    todo = students if every else scoring.waiting(opened, found, students)
    if not todo:
        console.print(f"nothing new: {len(students)} submissions, all graded")
        return
    with _progress() as progress, Grader(found, opened.secret, sandbox) as grader:
        results = []
        for student in progress.track(todo, description=f"grading {found.id}"):
            results.append(scoring.grade_student(opened, found, student, grader))
            if (result := results[-1]).message:
                line = f"{result.student}: {result.status}: {result.message}"
                progress.console.print(f"[yellow]{escape(line)}[/]")
    _summary(result.status for result in results)
    if any(result.status == "not graded" for result in results):
        raise typer.Exit(3)


def feedback(lab: LabName, cohort: CohortName) -> None:
    """Write every graded student's page and release it through nbgrader."""
    from autograder.gradebook import feedback as pages
    from autograder.gradebook.cohort import Cohort

    found, opened = Lab.find(lab), Cohort.open(COHORTS / cohort)
    with _progress() as progress:
        students = progress.track(pages.graded_students(opened, found), description="feedback")
        results = [pages.release_feedback(opened, found, student) for student in students]
    _summary(result.status for result in results)
    for result in results:
        if result.message:
            console.print(f"[yellow]{escape(f'{result.student}: {result.message}')}[/]")


def leaderboard(lab: LabName, cohort: CohortName) -> None:
    """Show the cohort's ranking on a lab's leaderboard, as graded."""
    from autograder.gradebook.cohort import Cohort
    from autograder.gradebook.ranking import ranking

    found, opened = Lab.find(lab), Cohort.open(COHORTS / cohort)
    ranked = ranking(opened, found)
    table = Table(title=f"{found.title.text(opened.lang)} · {opened.name}")
    table.add_column("#", justify="right")
    table.add_column("student")
    table.add_column(ranked[0].entry.unit.text(opened.lang))
    for one in ranked:
        entry = one.entry
        figure = f"{entry.figure:.4f}" if entry.figure is not None else f"[red]{escape(entry.message)}[/]"
        table.add_row(str(one.rank or ""), escape(one.student), figure)
    console.print(table)


def export(
    cohort: CohortName,
    to: Annotated[Path, typer.Option(help="The CSV file to write.")] = Path("grades.csv"),
    lab: Annotated[str | None, typer.Option(metavar="NN", help="Only this lesson.")] = None,
) -> None:
    """Write the grades as CSV: a row per lab and student, a column per problem."""
    from autograder.gradebook.cohort import Cohort
    from autograder.gradebook.export import ProblemsCsv

    if not to.parent.is_dir():
        raise UserError(f"{to.parent} is not a folder")
    opened = Cohort.open(COHORTS / cohort)
    plugin = ProblemsCsv(parent=opened.api, to=str(to), assignment=[Lab.find(lab).id] if lab else [])
    with opened.gradebook() as gradebook:
        plugin.export(gradebook)
    console.print(f"{to} written")


def _summary(statuses: Iterable[str]) -> None:
    console.print(", ".join(f"{count} {status}" for status, count in Counter(statuses).most_common()))


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
