"""`autograder validate`: proves that a lab's hidden suite separates right from wrong, and names the wrong ones.

The reference must get full marks, the starter nothing, every honest variant full marks and no diagnosis. Each
misconception must fail exactly the tests it declares and be diagnosed as itself, alone, together with an unrelated
second mistake, and under another secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder import source
from autograder.authoring import processes
from autograder.grading.grader import Grader, submitted_cells
from autograder.grading.misconception import Extra, Misconception
from autograder.grading.session import Program
from autograder.grading.suite import TestResult
from autograder.lab import Lab
from autograder.sandbox import choose

SEEDS = 2  # secrets that everything is tried under


@dataclass
class Finding:
    """One target under one secret; `faults` is empty when all is as it should be."""

    target: str
    seed: int
    score: float
    faults: list[str]


def validate(
    lab: Lab,
    seeds: int = SEEDS,
    done: Callable[[Finding], None] = lambda finding: None,
    sandbox: str = choose.DEFAULT,
) -> list[Finding]:
    """Grades every target of a lab under `seeds` fixed secrets, each secret in a process of its own.

    `done` is told each finding as it comes. Raises UserError where grading cannot run.
    """
    return processes.gather(_under_seed, [(lab.folder, seed, sandbox) for seed in range(seeds)], done)


def _under_seed(folder: Path, seed: int, sandbox: str) -> Iterator[Finding]:
    """The findings under one secret."""
    lab = Lab.load(folder)
    secret = hashlib.sha256(f"validate/{lab.id}/{seed}".encode()).digest()
    with Grader(lab, secret, sandbox) as grader:
        yield from _targets(grader, seed)


def count(lab: Lab, seeds: int = SEEDS) -> int:
    """How many findings `validate` will make."""
    return seeds * (2 + len(lab.variants) + 2 * len(lab.misconceptions))


def _targets(grader: Grader, seed: int) -> Iterator[Finding]:
    yield _full_marks(grader, "reference", grader.reference, seed)
    yield _starter(grader, seed)
    for name, path in grader.lab.variants.items():
        variant = Extra.load(path, grader.lab.notebooks)
        yield _full_marks(
            grader, f"variant {name}", grader.with_cells(variant), seed, grader.tests_of(variant.notebook)
        )
    alone: dict[str, list[TestResult]] = {}
    for known in grader.misconceptions.values():
        alone[known.id], _ = grader.run(grader.with_cells(known), grader.tests_of(known.notebook))
        grader.traces.record(known.id, alone[known.id])
        yield _caught(known, alone[known.id], seed)
    for known in grader.misconceptions.values():
        yield _diagnosed(grader, known, alone.pop(known.id), seed)


def _full_marks(
    grader: Grader, target: str, programs: dict[str, Program], seed: int, tests: list[str] | None = None
) -> Finding:
    """All tests must pass; or those named, where no other can fail."""
    results, _ = grader.run(programs, tests)
    faults = [
        f"{result.name}: {result.outcome} {result.message.en}" for result in results if result.outcome != "passed"
    ]
    faults += [
        f"{result.name} is diagnosed as {found}" for result in results if (found := grader.diagnose(result, results))
    ]
    return Finding(target, seed, _score(results), faults)


def _starter(grader: Grader, seed: int) -> Finding:
    programs = {
        name: grader.program(name, submitted_cells(source.release(grader.lab, name))) for name in grader.lab.notebooks
    }
    results, _ = grader.run(programs)
    faults = [f"{result.name} passes with nothing written" for result in results if result.outcome == "passed"]
    faults += [
        f"{result.name} is diagnosed as {found}" for result in results if (found := grader.diagnose(result, results))
    ]
    return Finding("starter", seed, _score(results), faults)


def _caught(known: Misconception, results: list[TestResult], seed: int) -> Finding:
    """It must fail exactly the tests that it declares."""
    failed = {result.name for result in results if result.outcome != "passed"}
    faults = [f"passes {name}, which it should fail" for name in sorted(set(known.fails) - failed)]
    faults += [f"fails {name}, which it should pass" for name in sorted(failed - set(known.fails))]
    if not known.fails:
        faults.append("declares no test: a misconception nobody catches is a bug of the suite")
    return Finding(known.id, seed, _score(results), faults)


def _diagnosed(grader: Grader, known: Misconception, alone: list[TestResult], seed: int) -> Finding:
    """It must be diagnosed, alone and with the next one that fails none of its tests and redefines none of its names.

    All are tried alone before: then the replies of each are known, and none need be run only to record them.
    """
    faults = _undiagnosed(grader, known, alone, alone)
    order = list(grader.misconceptions.values())
    start = order.index(known) + 1 + seed
    second = next(
        (
            other
            for other in (*order[start:], *order[:start])
            if not set(other.fails) & set(known.fails) and not other.defines & known.defines
        ),
        None,
    )
    if second is None:
        faults.append("no unrelated second misconception to combine it with")
        return Finding(f"{known.id} + nothing", seed, 0.0, faults)
    results, _ = grader.run(grader.with_cells(known, second), [*known.fails, *second.fails])
    mine = [result for result in results if result.name in known.fails]
    faults += [f"with {second.id}: {fault}" for fault in _undiagnosed(grader, known, mine, results)]
    return Finding(f"{known.id} + {second.id}", seed, _score(results), faults)


def _undiagnosed(grader: Grader, known: Misconception, mine: list[TestResult], results: list[TestResult]) -> list[str]:
    """Every diagnosis in the tests `mine` must be of this misconception, and one failed test at least must have it."""
    found = {result.name: grader.diagnose(result, results) for result in mine if result.outcome != "passed"}
    faults = [f"{test} is diagnosed as {other}" for test, other in found.items() if other not in (None, known.id)]
    if known.id not in found.values():
        faults.append("is never diagnosed as itself")
    return faults


def _score(results: list[TestResult]) -> float:
    return sum(result.mark.points for result in results if result.outcome == "passed")
