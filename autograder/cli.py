"""The `autograder` command: for authors (build, validate, mutate), teachers (cohort, …), `make submit-NN` (grade)."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autograder.errors import GraderError, UserError
from autograder.gradebook import commands
from autograder.grading.secret import local_secret
from autograder.lab import REPOSITORY, Lab, solutions_folder
from autograder.sandbox import choose
from labkit.i18n import UnknownLanguage, parse

if TYPE_CHECKING:
    from autograder.authoring.mutate import Verdict
    from autograder.authoring.validate import Finding
    from autograder.grading.suite import TestResult

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Builds labs, grades submissions, keeps cohorts.",
)  # fmt: skip
commands.register(app)
console = Console()
log = Console(stderr=True)  # progress and notes: standard output is for results

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


def _progress() -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=log, transient=True)


def _toml(text: str) -> str:
    """A string as TOML writes it; a JSON string is one."""
    return msgspec.json.encode(text).decode()


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
        task = progress.add_task("preparing the sandbox and the tests", total=None)
        from autograder.grading.grader import Grader
        from autograder.grading.report import table

        with Grader(known, local_secret(solutions_folder()), sandbox) as grader:

            def done(result: TestResult) -> None:
                name = result.name.removeprefix("test_").replace("_", " ")
                progress.update(task, description=name, total=len(grader.suite.marks), advance=1)

            report = grader.grade(submission, spoken, done)
    if json:
        sys.stdout.write(report.to_json().decode() + "\n")
    else:
        console.print(table(report, known.title.text(spoken), spoken))


@app.command()
def validate(
    lab: LabName,
    seeds: Annotated[int, typer.Option(min=1, help="Secrets under which everything is tried.")] = 2,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Prove that a lab's hidden suite separates right from wrong. Exits 1 when it does not."""
    known = Lab.find(lab)
    with _progress() as progress:
        task = progress.add_task("preparing the sandbox and the tests", total=None)
        from autograder.authoring import validate as validation

        def done(finding: Finding) -> None:
            for fault in finding.faults:
                where = f"{finding.target} (seed {finding.seed})"
                progress.console.print(f"[red]✗[/] {where}: {escape(fault)}", soft_wrap=True)
            progress.update(task, description=finding.target, total=validation.count(known, seeds), advance=1)

        findings = validation.validate(known, seeds, done, sandbox)
    wrong = [finding for finding in findings if finding.faults]
    console.print(
        f"{known.id}: {len(findings) - len(wrong)} passed, {len(wrong)} failed "
        f"({len(known.misconceptions)} misconceptions, {len(known.variants)} variants, {seeds} seeds)"
    )
    if wrong:
        raise typer.Exit(1)


@app.command()
def mutate(
    lab: LabName,
    count: Annotated[int, typer.Option(min=1, help="How many mutants to grade; all if there are no more.")] = 200,
    seed: Annotated[int, typer.Option(help="Which of them, and with which inputs.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Change one thing in the reference, 200 times: does the hidden suite notice? Exits 1 below 95 %."""
    known = Lab.find(lab)
    with _progress() as progress:
        task = progress.add_task("making the mutants", total=None)
        from autograder.authoring import mutate as mutation

        drawn = mutation.sample(known, count, seed)
        for entry in drawn.stale:
            line = f"{known.folder / 'lab.toml'}: no mutant is named {_toml(entry.mutant)}"
            log.print(f"[red]✗[/] {escape(line)}", soft_wrap=True, highlight=False, emoji=False)
        if drawn.stale:
            raise typer.Exit(1)
        progress.update(task, description="preparing the sandbox and the tests", total=len(drawn.mutants))

        def done(verdict: Verdict) -> None:
            progress.update(task, description=verdict.mutant.id.split(":")[1], advance=1)

        findings = mutation.mutate(known, drawn, seed, done, sandbox)
    if json:
        sys.stdout.write(findings.to_json().decode() + "\n")
    else:
        for mutant in findings.survivors:
            line = f"{mutant.notebook}, line {mutant.line} of {mutant.cell}: mutant = {_toml(mutant.id)}"
            console.print(
                f"[red]✗[/] {escape(line)}\n{escape(mutant.diff)}", soft_wrap=True, highlight=False, emoji=False
            )
        left = len(findings.survivors)
        console.print(
            f"{known.id}: {findings.killed} of {findings.graded} killed ({100 * findings.rate:.1f} %), "
            f"{len(findings.equivalent)} equivalent, {left} survivor{'' if left == 1 else 's'}",
            highlight=False,
        )
    if findings.rate < mutation.ENOUGH:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
