"""The `autograder` command: for authors (build, validate, …), teachers (cohort, …) and `make submit-NN` (grade)."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autograder.authoring import commands as authoring
from autograder.errors import GraderError, UserError
from autograder.gradebook import commands
from autograder.grading.secret import local_secret
from autograder.lab import REPOSITORY, Lab, solutions_folder
from autograder.sandbox import choose
from labkit.i18n import Bilingual, UnknownLanguage, parse

if TYPE_CHECKING:
    from autograder.grading.suite import TestResult

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Builds labs, grades submissions, keeps cohorts.",
)  # fmt: skip
authoring.register(app)
commands.register(app)
console = Console()
log = Console(stderr=True)  # progress and notes: standard output is for results

PREPARING = Bilingual(
    "preparing the sandbox and the tests", "正在准备沙箱和测试"
)  # a student waits, in `make submit-NN`

LabName = Annotated[str, typer.Argument(metavar="NN", help="Lesson number or lab id, e.g. 05.")]


def main() -> None:
    """The entry point: one clear line and exit 2 for a bad call, exit 3 when grading itself cannot run."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of the libraries, about their own next versions
    try:
        app(standalone_mode=True)
    except GraderError as error:
        log.print(f"[bold red]autograder:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(3)
    except (UserError, UnknownLanguage) as error:
        log.print(f"[bold red]autograder:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
    except _host_errors() as error:  # a full disk, a locked gradebook: nothing that code could mend
        log.print(f"[bold red]autograder:[/] {escape(' '.join(str(error).split())[:300])}", soft_wrap=True)
        sys.exit(3)


def _host_errors() -> tuple[type[Exception], ...]:
    """The errors of the machine and, where this call has used one, of the gradebook's database: the import is slow."""
    if "sqlalchemy" not in sys.modules:
        return (OSError,)
    from sqlalchemy.exc import SQLAlchemyError

    return OSError, SQLAlchemyError


def _progress() -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=log, transient=True)


@app.command()
def build(
    labs: Annotated[list[str] | None, typer.Argument(metavar="[NN]...", help="Labs; all without.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when something differs.")] = False,
) -> None:
    """Make the notebooks of assignments/, and the README's table of lessons, from the sources in solutions/."""
    from autograder.authoring import readme
    from autograder.authoring.build import build as build_labs

    chosen = [Lab.find(name) for name in labs] if labs else Lab.all()
    written = build_labs(chosen, REPOSITORY / "assignments", check=check)
    written += readme.write(REPOSITORY, check=check)
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)
    if not written:
        console.print("assignments/ is up to date")


@app.command()
def new(
    number: Annotated[str, typer.Argument(metavar="NN", help="The lesson's number in the outline, e.g. 09.")],
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The lab's name, e.g. evaluation.")],
) -> None:
    """Make a new lab: a small one that builds, validates and opens, to be filled."""
    from autograder.authoring.new import new as make

    folder = make(solutions_folder(), number, slug)
    lesson = Lab.load(folder).lesson
    console.print(f"{folder} is there, small and complete. What works now:", soft_wrap=True)
    console.print(f"  make build; make lab-{lesson}", f"  make validate-{lesson}; make mutate-{lesson}", sep="\n")
    console.print("Then write your own notebook, tests, public cases and misconceptions in place of what is there.")


@app.command()
def grade(
    lab: LabName,
    submission: Annotated[
        Path, typer.Argument(metavar="SUBMISSION", help="The notebook, or the folder of a lab with several.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    lang: Annotated[str, typer.Option(help="Language of hints: en or zh.")] = "en",
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Grade one submission. Exits 0 when grading worked, whatever the score."""
    spoken = parse(lang)
    if not os.path.lexists(submission):
        raise UserError(f"{submission} does not exist: give the path of a notebook, or of the folder that holds it")
    known = Lab.find(lab)
    if submission.is_file() and len(known.notebooks) > 1:
        raise UserError(f"{known.id} has {len(known.notebooks)} notebooks: give the folder that holds them")
    with _progress() as progress:
        task = progress.add_task(PREPARING.text(spoken), total=None)
        from autograder.grading.grader import Grader
        from autograder.grading.report import table, title_of_test

        with Grader(known, local_secret(solutions_folder()), sandbox) as grader:

            def done(result: TestResult) -> None:
                title = title_of_test(result.name, spoken)
                progress.update(task, description=title, total=len(grader.suite.marks), advance=1)

            report = grader.grade(submission, spoken, done)
    if json:
        sys.stdout.write(report.to_json().decode() + "\n")
    else:
        console.print(table(report, known.title.text(spoken), spoken))


if __name__ == "__main__":
    main()
