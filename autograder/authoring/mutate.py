"""`autograder mutate`: which one-change mutants of the reference (mutants.py) does the hidden suite let through?

A sample of a lab's mutants is graded, each until the first test that it does not pass. What passes them all is either
a hole in the suite, or the same solution in other words. The latter is named in lab.toml as [[equivalent]], with the
reason, and counts no longer.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from autograder import source
from autograder.authoring import processes
from autograder.authoring.mutants import Mutant, mutants
from autograder.errors import GraderError, UserError
from autograder.grading.report import Outcome
from autograder.lab import Equivalent, Lab
from autograder.sandbox import choose
from autograder.source import source_path

if TYPE_CHECKING:
    from autograder.grading.suite import TestResult

COUNT = 200
ENOUGH = 0.95  # of the sample must be killed
MOST_PROCESSES = 8  # each holds the libraries twice: here and in its sandbox
WORTH_A_PROCESS = 10  # mutants; to start one takes as long as to grade about so many
# What a test may take: so many times what the reference took, and so many seconds at least. An endless loop must not
# cost the ten seconds that a student has, and no mutant may die because the machine is busy.
PATIENCE, FLOOR = 10, 2.0


class Verdict(msgspec.Struct, frozen=True):
    """What became of a mutant. `test` is the first that it did not pass, None for a survivor."""

    mutant: Mutant
    test: str | None
    outcome: Outcome


class Sample(msgspec.Struct, frozen=True):
    """What is graded of a lab's mutants."""

    mutants: list[Mutant]
    equivalent: list[Equivalent]  # that would have been among them
    stale: list[Equivalent]  # entries of lab.toml that name no mutant
    total: int  # how many mutants the lab has


class Findings(msgspec.Struct, frozen=True):
    """The result of `mutate`."""

    lab: str
    seed: int
    total: int  # mutants of the lab
    graded: int
    killed: int
    kills: dict[str, int]  # outcome of a test -> how many mutants ended by it
    equivalent: list[Equivalent]
    survivors: list[Mutant]  # in the order of the code

    @property
    def rate(self) -> float:
        """The share of the graded that was killed."""
        return self.killed / self.graded if self.graded else 1.0

    def to_json(self) -> bytes:
        """The findings as data, without the whole cells of the survivors."""
        data = {**msgspec.to_builtins(self), "rate": round(self.rate, 4)}
        for survivor in data["survivors"]:
            del survivor["source"]
        return msgspec.json.format(msgspec.json.encode(data), indent=2)


def sample(lab: Lab, count: int, seed: int) -> Sample:
    """`count` of the lab's mutants, without those that lab.toml calls equivalent.

    Which they are depends on the ids alone, so an edit elsewhere, or a mutant named equivalent, changes little.
    """
    everything = {mutant.id: mutant for name in lab.notebooks for mutant in _mutants(lab, name)}
    known = {entry.mutant: entry for entry in lab.equivalent}
    chosen: set[str] = set()
    equivalent: list[Equivalent] = []
    for name in sorted(everything, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest()):
        if len(chosen) == count:
            break
        if name in known:
            equivalent.append(known[name])
        else:
            chosen.add(name)
    return Sample(
        mutants=[mutant for name, mutant in everything.items() if name in chosen],
        equivalent=equivalent,
        stale=[entry for entry in lab.equivalent if entry.mutant not in everything],
        total=len(everything),
    )


def _mutants(lab: Lab, notebook: str) -> list[Mutant]:
    marked = [
        cell for cell in source.reference(lab, notebook).cells if cell.metadata.get("nbgrader", {}).get("grade_id")
    ]
    while marked and marked[-1].metadata["nbgrader"]["solution"]:
        marked.pop()  # after the last check cell: it competes on the leaderboard, and no test sees it
    cells = [
        (cell.metadata["nbgrader"]["grade_id"], cell.source) for cell in marked if cell.metadata["nbgrader"]["solution"]
    ]
    try:
        return mutants(notebook, cells)
    except SyntaxError as error:
        raise UserError(f"{source_path(lab, notebook)}: a solution cell does not parse: {error.msg}") from None


def mutate(
    lab: Lab,
    drawn: Sample,
    seed: int,
    done: Callable[[Verdict], None] = lambda verdict: None,
    sandbox: str = choose.DEFAULT,
) -> Findings:
    """Grades a sample, on as many processes as there are cores. `done` is told each verdict as it comes.

    Raises GraderError where the reference itself does not pass as the mutants are graded.
    """
    number = min(_cores(), MOST_PROCESSES, len(drawn.mutants) // WORTH_A_PROCESS + 1)
    calls = [(lab.folder, drawn.mutants[first::number], seed, sandbox) for first in range(number)]
    verdicts = processes.gather(_grade, calls, done)
    survived = {verdict.mutant.id for verdict in verdicts if verdict.test is None}
    return Findings(
        lab=lab.id,
        seed=seed,
        total=drawn.total,
        graded=len(verdicts),
        killed=len(verdicts) - len(survived),
        kills=dict(Counter(verdict.outcome for verdict in verdicts if verdict.test is not None)),
        equivalent=drawn.equivalent,
        survivors=[mutant for mutant in drawn.mutants if mutant.id in survived],
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _grade(folder: Path, share: Sequence[Mutant], seed: int, sandbox: str) -> Iterator[Verdict]:
    """The verdicts on some mutants, after the reference has passed the same way."""
    from autograder.grading.grader import Grader  # imports torch, for which the caller has no use

    lab = Lab.load(folder)
    secret = hashlib.sha256(f"mutate/{lab.id}/{seed}".encode()).digest()
    with Grader(lab, secret, sandbox) as grader:
        seconds = grader.traces.seconds

        def budget(test: str) -> float:
            return max(FLOOR, PATIENCE * seconds[test])

        def first_failure(tests: Sequence[str], mutant: Mutant | None) -> TestResult | None:
            programs = grader.with_solution(mutant.notebook, mutant.cell, mutant.source) if mutant else grader.reference
            results, _ = grader.run(programs, tests, stop=lambda result: result.outcome != "passed", budget=budget)
            return results[-1] if results and results[-1].outcome != "passed" else None

        fast = sorted(grader.suite.marks, key=lambda test: seconds[test])
        if wrong := first_failure(fast, None):
            raise GraderError(
                f"the reference fails {wrong.name} ({wrong.outcome}: {wrong.message.en}), fast tests first"
            )
        for mutant in share:
            reached = [test for test in fast if test in grader.tests_of(mutant.notebook)]
            own = grader.problem_of(mutant.notebook, mutant.cell)  # its tests first: few mutants come further
            likely = sorted(reached, key=lambda test: grader.suite.marks[test].problem != own)
            failed = first_failure(likely, mutant)
            yield Verdict(mutant, failed.name, failed.outcome) if failed else Verdict(mutant, None, "passed")
