"""The targets of a lab, tried under some secrets: jobs for a pool of processes (pool.py).

references    first: every other trial needs the seconds and the replies of the reference
alone         the starter, the variants, and each misconception by itself
diagnosed     each misconception by the replies it gave, and together with an unrelated second mistake
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autograder.authoring.pool import Bench, Job
from autograder.authoring.proof import MISCONCEPTION, REFERENCE, STARTER, VARIANT, notebooks
from autograder.lab import Lab

if TYPE_CHECKING:
    from autograder.grading.grader import Grader
    from autograder.grading.misconception import Misconception
    from autograder.grading.suite import TestResult

COMBINED = 1.0  # seconds of a misconception with a second one, by estimate: only the tests that they fail are run


class Finding(NamedTuple):
    """One target under one secret: the tests that it failed, and what else is not as it should be."""

    lab: str
    target: str
    seed: int
    fails: list[str]
    faults: list[str]


def secret(lab: Lab, seed: int) -> bytes:
    """One of the secrets of the proofs. It is none, in truth: anybody may prove the same."""
    return hashlib.sha256(f"validate/{lab.id}/{seed}".encode()).digest()


def references(lab: Lab, seeds: Sequence[int]) -> Iterator[Job]:
    """Jobs that give (Finding, the seconds of each notebook's tests), one for each secret."""
    for seed in seeds:
        yield Job(_reference, (lab.folder, seed), lab.folder, 0.0)


def alone(lab: Lab, names: Sequence[str], seeds: Sequence[int], seconds: Mapping[str, float]) -> Iterator[Job]:
    """Jobs that give a target's findings, one for each secret; `seconds` are those of the reference by notebook."""
    homes = notebooks(lab)
    for name in names:
        expected = sum(seconds.get(each, 0.0) for each in lab.reached(homes.get(name, "")))
        if name == STARTER:
            yield Job(_starter, (lab.folder, seeds), lab.folder, sum(seconds.values()))
        elif name.startswith(VARIANT):
            arguments = lab.folder, seeds, name.removeprefix(VARIANT)
            yield Job(_variant, arguments, lab.folder, expected * len(seeds))
        elif name.startswith(MISCONCEPTION):
            arguments = lab.folder, seeds, name.removeprefix(MISCONCEPTION)
            yield Job(_misconception, arguments, lab.folder, expected * len(seeds))


def diagnosed(lab: Lab, names: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
    """Jobs that give a misconception's findings where it is to be named."""
    for name in names:
        yield Job(_diagnosed, (lab.folder, seeds, name.removeprefix(MISCONCEPTION)), lab.folder, COMBINED * len(seeds))


# ---- in a process of the pool --------------------------------------------------------------------------


def _grader(bench: Bench, folder: Path, seed: int) -> Grader:
    return bench.grader(folder, secret(Lab.load(folder), seed))


def _reference(bench: Bench, folder: Path, seed: int) -> tuple[Finding, Mapping[str, float]]:
    """Full marks; and what it takes, and answers, is taken down for all the other trials."""
    grader = _grader(bench, folder, seed)
    results, _ = grader.run(grader.reference, clock=grader.clock_of_the_reference())
    faults = [_told(result) for result in results if not _passed(result)]
    finding = Finding(grader.lab.id, REFERENCE, seed, _failed(results), faults)
    if not finding.fails:
        grader.traces.record(REFERENCE, results)
    seconds = dict.fromkeys(grader.lab.notebooks, 0.0)
    for result in results:
        seconds[grader.suite.notebook_of[result.mark.problem]] += result.used
    return finding, seconds


def _starter(bench: Bench, folder: Path, seeds: Sequence[int]) -> list[Finding]:
    """No marks, and no diagnosis."""
    from autograder.authoring import targets

    findings = []
    for seed in seeds:
        grader = _grader(bench, folder, seed)
        results, _ = grader.run(targets.starter(grader))
        faults = [f"{result.name} passes with nothing written" for result in results if _passed(result)]
        findings.append(Finding(grader.lab.id, STARTER, seed, [], faults + _misled(grader, results)))
    return findings


def _variant(bench: Bench, folder: Path, seeds: Sequence[int], name: str) -> list[Finding]:
    """Full marks, and no diagnosis."""
    from autograder.authoring import targets
    from autograder.grading.misconception import Extra

    findings = []
    for seed in seeds:
        grader = _grader(bench, folder, seed)
        variant = Extra.load(grader.lab.variants[name], grader.lab.notebooks)
        tests = targets.tests_of(grader, variant.notebook)
        results, _ = grader.run(targets.with_cells(grader, variant), tests)
        faults = [_told(result) for result in results if not _passed(result)]
        findings.append(
            Finding(grader.lab.id, VARIANT + name, seed, _failed(results), faults + _misled(grader, results))
        )
    return findings


def _misconception(bench: Bench, folder: Path, seeds: Sequence[int], name: str) -> list[Finding]:
    """What it fails, on every test that its notebook can reach, under every secret.

    What was cut short here is no record: it is made with time to spare, when it is asked for.
    """
    from autograder.authoring import targets
    from autograder.grading.traces import ENDED_BY_ITSELF

    findings = []
    for seed in seeds:
        grader = _grader(bench, folder, seed)
        known = grader.misconceptions[name]
        tests = targets.tests_of(grader, known.notebook)
        results, _ = grader.run(targets.with_cells(grader, known), tests)
        if all(result.outcome in ENDED_BY_ITSELF for result in results):
            grader.traces.record(name, results)
        findings.append(Finding(grader.lab.id, MISCONCEPTION + name, seed, _failed(results), []))
    return findings


def _diagnosed(bench: Bench, folder: Path, seeds: Sequence[int], name: str) -> list[Finding]:
    """Named as itself by what it answers alone, and with a second one that leaves its tests and its names alone."""
    from autograder.authoring import targets

    findings = []
    for seed in seeds:
        grader = _grader(bench, folder, seed)
        known = grader.misconceptions[name]
        alone = targets.recorded(grader, known)
        faults = _undiagnosed(grader, known, alone, alone)
        second = _second(grader, known, seed)
        if second is None:
            faults.append("no unrelated second misconception to combine it with")
        else:
            results, _ = grader.run(targets.with_cells(grader, known, second), [*known.fails, *second.fails])
            mine = [result for result in results if result.name in known.fails]
            faults += [f"with {second.id}: {fault}" for fault in _undiagnosed(grader, known, mine, results)]
        findings.append(Finding(grader.lab.id, MISCONCEPTION + name, seed, [], faults))
    return findings


def _second(grader: Grader, known: Misconception, seed: int) -> Misconception | None:
    """The next misconception, a little further for each secret, that fails other tests and redefines other names."""
    order = list(grader.misconceptions.values())
    start = order.index(known) + 1 + seed
    return next(
        (
            other
            for other in (*order[start:], *order[:start])
            if not set(other.fails) & set(known.fails) and not other.defines & known.defines
        ),
        None,
    )


def _undiagnosed(grader: Grader, known: Misconception, mine: list[TestResult], results: list[TestResult]) -> list[str]:
    """Every diagnosis in the tests `mine` must be of this misconception, and one failed test at least must have it."""
    found = {result.name: grader.diagnose(result, results) for result in mine if not _passed(result)}
    faults = [f"{test} is diagnosed as {other}" for test, other in found.items() if other not in (None, known.id)]
    if known.id not in found.values():
        faults.append("is never diagnosed as itself")
    return faults


def _misled(grader: Grader, results: list[TestResult]) -> list[str]:
    """A diagnosis where there should be none."""
    found = {result.name: grader.diagnose(result, results) for result in results}
    return [f"{test} is diagnosed as {name}" for test, name in found.items() if name]


def _passed(result: TestResult) -> bool:
    return result.outcome == "passed"


def _failed(results: list[TestResult]) -> list[str]:
    return [result.name for result in results if not _passed(result)]


def _told(result: TestResult) -> str:
    return f"{result.name}: {result.outcome} {result.message.en}".rstrip()
