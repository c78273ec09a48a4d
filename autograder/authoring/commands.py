"""The commands that try a lab's suite: validate, mutate, proof, prove, trial."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from autograder.grading.secret import local_secret
from autograder.lab import Lab, solutions_folder
from autograder.sandbox import choose
from labkit.i18n import parse

if TYPE_CHECKING:
    from autograder.authoring.mutate import Findings, Sample, Verdict
    from autograder.authoring.trial import Trial
    from autograder.authoring.validate import Watch

LabName = Annotated[str, typer.Argument(metavar="NN", help="Lesson number or lab id, e.g. 05.")]

console = Console()
log = Console(stderr=True)  # progress and notes: standard output is for results


def register(app: typer.Typer) -> None:
    """Adds the commands to the `autograder` application."""
    for command in (validate, mutate, proof, prove, trial):
        app.command()(command)


def validate(
    lab: LabName,
    seeds: Annotated[int, typer.Option(min=1, help="Secrets under which everything is tried.")] = 5,
    write: Annotated[bool, typer.Option("--write", help="Fill FAILS with what every secret agrees on.")] = False,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Prove that a lab's hidden suite separates right from wrong; what is proved is kept. Exits 1 when it does not."""
    if not _validated(Lab.find(lab), seeds, write, sandbox):
        raise typer.Exit(1)


def mutate(
    lab: LabName,
    count: Annotated[int, typer.Option(min=1, help="How many mutants to grade; all if there are no more.")] = 200,
    seed: Annotated[int, typer.Option(help="Which of them, and with which inputs.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Change one thing in the reference, 200 times: does the hidden suite notice? Exits 1 below 95 %."""
    if not _mutated(Lab.find(lab), count, seed, json, sandbox):
        raise typer.Exit(1)


def proof(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 unless all hold; try some targets again.")] = False,
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Tell how the proofs of all labs stand; with --check, try a sample of them where the engine has changed."""
    from autograder import fingerprint
    from autograder.authoring import sample

    if check:
        with _watched("the proofs") as watch:
            wrong = sample.check(Lab.all(), watch, sandbox)
        _tell_faults(wrong)
        if wrong:
            raise typer.Exit(1)
        console.print("the proofs hold")
        return
    engine = fingerprint.of_engine()
    for each in Lab.all():
        found = sample.state(each, engine)
        older = "proved by another engine: `autograder prove` proves it by this one" if found.outdated else "proved"
        console.print(f"{each.id}: {found.wrong or older}", soft_wrap=True, highlight=False, markup=False)


def prove(sandbox: choose.Option = choose.DEFAULT) -> None:
    """Prove what is not proved of all labs by the present code: validate and mutate. Before a release."""
    from autograder.authoring import mutate as mutation
    from autograder.authoring.validate import SEEDS

    right = True
    for each in Lab.all():
        right &= _validated(each, SEEDS, False, sandbox)
        if mutation.is_kept(each):
            console.print(f"{each.id}: nothing new to mutate")
        else:
            right &= _mutated(each, mutation.COUNT, mutation.SEED, False, sandbox)
    if not right:
        raise typer.Exit(1)


def trial(
    lab: LabName,
    folder: Annotated[Path, typer.Argument(help="With wrong/ and right/, a file for each solution.")],
    json: Annotated[bool, typer.Option("--json", help="Print what came of each as JSON.")] = False,
    lang: Annotated[str, typer.Option("--lang", metavar="en|zh", help="Of messages and hints.")] = "en",
    sandbox: choose.Option = choose.DEFAULT,
) -> None:
    """Grade solutions by somebody who has not read the suite: is wrong caught and named, and right not rejected?"""
    from autograder.authoring import trial as trials
    from autograder.grading.grader import Grader

    found, spoken = Lab.find(lab), parse(lang)
    paths = [path for each in trials.files(folder).values() for path in each]
    with _watched(found.id) as watch, Grader(found, local_secret(solutions_folder()), sandbox) as grader:
        watch.expect(len(paths))
        tried = trials.trial(grader, folder, spoken, lambda path: watch.done(path.stem, 1.0))
    if json:
        sys.stdout.write(msgspec.json.encode(tried).decode() + "\n")
    else:
        _print_trial(tried)


def _validated(lab: Lab, seeds: int, write: bool, sandbox: str) -> bool:
    """Whether all of a lab is proved, after what is not was tried."""
    from autograder.authoring.validate import validate, waiting

    before = waiting(lab, seeds)
    if before:
        with _watched(lab.id) as watch:
            proof = validate(lab, seeds, watch, sandbox, write)
        _tell_faults([f"{name}: {fault}" for name, found in sorted(proof.targets.items()) for fault in found.faults])
    left = waiting(lab, seeds)
    done = f"{len(before) - len(left)} proved now, {len(left)} not proved" if before else "all is proved already"
    console.print(
        f"{lab.id}: {done} ({len(lab.misconceptions)} misconceptions, {len(lab.variants)} variants, {seeds} secrets)",
        highlight=False,
    )
    return not left


def _mutated(lab: Lab, count: int, seed: int, json: bool, sandbox: str) -> bool:
    """Whether enough of a lab's mutants are killed."""
    from autograder.authoring import mutate as mutation

    drawn = mutation.sample(lab, count, seed)
    _tell_faults([f"{lab.folder / 'lab.toml'}: no mutant is named {_toml(entry.mutant)}" for entry in drawn.stale])
    if drawn.stale:
        return False
    findings = _graded(lab, drawn, seed, sandbox)
    mutation.keep(lab, findings)
    if json:
        sys.stdout.write(findings.to_json().decode() + "\n")
    else:
        _print_mutants(findings)
    return findings.rate >= mutation.ENOUGH


def _graded(lab: Lab, drawn: Sample, seed: int, sandbox: str) -> Findings:
    from autograder.authoring import mutate as mutation

    with _watched(f"{lab.id}: mutants") as watch:
        watch.expect(len(drawn.mutants))

        def done(verdict: Verdict) -> None:
            watch.done(verdict.mutant.id.split(":")[1], 1.0)

        return mutation.mutate(lab, drawn, seed, done, sandbox)


def _print_trial(tried: Trial) -> None:
    table = Table()
    for heading in ("", "solution", "lost", "named as", "failed"):
        table.add_column(heading, justify="right" if heading == "lost" else "left")
    for kind, solutions in (("wrong", tried.wrong), ("right", tried.right)):
        for one in solutions:
            good = bool(one.failed) == (kind == "wrong")
            failed = "\n".join(f"{test.test}: {test.outcome} {test.message}".rstrip() for test in one.failed)
            mark = "[green]✓[/]" if good else "[red]✗[/]"
            table.add_row(mark, f"{kind}/{escape(one.name)}", f"{one.lost:g}", "\n".join(one.named), escape(failed))
    console.print(table)
    caught, named = len(tried.caught), sum(1 for one in tried.caught if one.named)
    console.print(
        f"{caught} of {len(tried.wrong)} wrong ones caught, {named} of those named; "
        f"{len(tried.rejected)} of {len(tried.right)} right ones rejected",
        highlight=False,
    )


def _print_mutants(findings: Findings) -> None:
    for mutant in findings.survivors:
        line = f"{mutant.notebook}, line {mutant.line} of {mutant.cell}: mutant = {_toml(mutant.id)}"
        console.print(f"[red]✗[/] {escape(line)}\n{escape(mutant.diff)}", soft_wrap=True, highlight=False, emoji=False)
    left = len(findings.survivors)
    console.print(
        f"{findings.lab}: {findings.killed} of {findings.graded} killed ({100 * findings.rate:.1f} %), "
        f"{len(findings.equivalent)} equivalent, {left} survivor{'' if left == 1 else 's'}",
        highlight=False,
    )


@contextmanager
def _watched(what: str) -> Iterator[Watch]:
    """A bar with the time that is left, by estimate."""
    from autograder.authoring.validate import Watch

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=log, transient=True) as progress:
        task = progress.add_task(f"{what}: the references", total=None)
        expected = 0.0

        def expect(seconds: float) -> None:
            nonlocal expected
            expected += seconds
            progress.update(task, total=expected)

        def done(target: str, seconds: float) -> None:
            progress.update(task, description=f"{what}: {target}", advance=seconds)

        yield Watch(expect, done)


def _tell_faults(faults: list[str]) -> None:
    for fault in faults:
        log.print(f"[red]✗[/] {escape(fault)}", soft_wrap=True, highlight=False, emoji=False)


def _toml(text: str) -> str:
    """A string as TOML writes it; a JSON string is one."""
    return msgspec.json.encode(text).decode()
