"""`autograder mutate`: which one-change mutants of the reference (mutants.py) does the hidden suite let through?

A sample of a lab's mutants is graded, each until the first test that it does not pass. What passes them all is either
a hole in the suite, or the same solution in other words. The latter is named in lab.toml as [[equivalent]], with the
reason, and counts no longer.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from autograder import fingerprint, source
from autograder.authoring.mutants import Mutant, mutants
from autograder.authoring.pool import Bench, Job, Pool
from autograder.authoring.proof import Fingerprints, Graded, Proof
from autograder.errors import GraderError, UserError
from autograder.grading.report import Outcome
from autograder.lab import Equivalent, Lab
from autograder.sandbox import choose
from autograder.source import source_path

if TYPE_CHECKING:
    from autograder.grading.grader import Grader
    from autograder.grading.suite import TestResult

COUNT = 200
SEED = 1
ENOUGH = 0.95  # of the sample must be killed
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
    verdicts: list[Verdict] = []
    with Pool(sandbox) as pool:
        [*pool.run([Job(_reference, (lab.folder, seed), lab.folder, 0.0)])]
        for _, verdict in pool.run([Job(_grade, (lab.folder, seed, each), lab.folder, 1.0) for each in drawn.mutants]):
            verdicts.append(verdict)
            done(verdict)
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


def is_kept(lab: Lab) -> bool:
    """Whether the lab's proof.json holds the findings on the present code."""
    kept = Proof.load(lab).mutants
    present = Fingerprints(lab).mutants, fingerprint.of_engine()
    return kept is not None and (kept.fingerprint, kept.engine) == present and kept.killed >= ENOUGH * kept.count


def keep(lab: Lab, findings: Findings) -> None:
    """Takes the findings into the lab's proof.json, if they are those of a whole sample."""
    if findings.graded < min(COUNT, findings.total - len(lab.equivalent)):
        return
    proof = Proof.load(lab)
    proof.mutants = Graded(
        fingerprint=Fingerprints(lab).mutants,
        engine=fingerprint.of_engine(),
        count=findings.graded,
        seed=findings.seed,
        killed=findings.killed,
        equivalent=len(findings.equivalent),
        survivors=[mutant.id for mutant in findings.survivors],
    )
    proof.save(lab)


# ---- in a process of the pool --------------------------------------------------------------------------


def _grader(bench: Bench, folder: Path, seed: int) -> Grader:
    secret = hashlib.sha256(f"mutate/{Lab.load(folder).id}/{seed}".encode()).digest()
    return bench.grader(folder, secret)


def _reference(bench: Bench, folder: Path, seed: int) -> None:
    """Raises GraderError unless the reference passes in the time and the order in which mutants are graded."""
    grader = _grader(bench, folder, seed)
    if wrong := _first_failure(grader, _fast_first(grader), None):
        raise GraderError(f"the reference fails {wrong.name} ({wrong.outcome}: {wrong.message.en}), fast tests first")


def _grade(bench: Bench, folder: Path, seed: int, mutant: Mutant) -> Verdict:
    from autograder.authoring import targets

    grader = _grader(bench, folder, seed)
    reached = set(targets.tests_of(grader, mutant.notebook))
    own = targets.problem_of(grader, mutant.notebook, mutant.cell)  # its tests first: few mutants come further
    fast = [test for test in _fast_first(grader) if test in reached]
    failed = _first_failure(grader, sorted(fast, key=lambda test: grader.suite.marks[test].problem != own), mutant)
    return Verdict(mutant, failed.name, failed.outcome) if failed else Verdict(mutant, None, "passed")


def _fast_first(grader: Grader) -> list[str]:
    reference = grader.traces.reference()
    return sorted(grader.suite.marks, key=lambda test: reference[test].seconds)


def _first_failure(grader: Grader, tests: Sequence[str], mutant: Mutant | None) -> TestResult | None:
    from autograder.authoring import targets

    programs = grader.reference
    if mutant is not None:
        programs = targets.with_solution(grader, mutant.notebook, mutant.cell, mutant.source)
    reference = grader.traces.reference()
    clock = grader.clock()._replace(test=lambda test: max(FLOOR, PATIENCE * reference[test].seconds))
    results, _ = grader.run(programs, tests, stop=lambda result: result.outcome != "passed", clock=clock)
    return results[-1] if results and results[-1].outcome != "passed" else None
